"""What a connection rests on, and how it ends when that falls away: one mechanism for every kind.

A `Right` says who a connection is: the user, and the API token's secret or the login that spoke for
it. Whoever lives longer than one look at the database (a WebSocket, an event stream, an answer that
is being written) holds its right in this process's `Watch`:

    what revokes ─► NOTIFY "caller:<user>" in the same transaction (a trigger: see the migrations)
                       └─► the Watch of every process looks at that user's rights
    nothing heard ─► it looks at all of them every `CHECK_SECONDS`, and sees what only time ends
    lost ─► the holder's callback: the socket closes, the stream ends, the answer stops

Any change of a row that says what a caller may do is told, so that what a process remembers of its
callers can be forgotten by the same topic (`topic`). A further kind of revocation is a further
trigger, and a further question in `_look`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken, FormerSecret, Login, User
from rini.errors import NotAuthenticated, RiniError, Unavailable
from rini.storage.database import in_database
from rini.storage.loops import PerLoop
from rini.storage.notifications import listener
from rini.translation import gettext as _
from rini.translation import gettext_noop

CHECK_SECONDS = 3.0
"""So that what is open ends within five seconds (docs/accounts.md), notified or not."""
log = structlog.get_logger(__name__)
Lost = Callable[[RiniError], None]


@dataclass(frozen=True, slots=True)
class Right:
    """Who a connection is. `token_id` and `secret` are an API token's, the others of an access
    token; without either it is the account itself (a guest, or work that its user has begun)."""

    user_id: UUID
    token_id: UUID | None = None
    secret: bytes | None = None
    """The digest of the secret that was shown; None: whichever the token has now."""
    login_id: UUID | None = None
    expires_at: float = math.inf
    """When the access token expires, in Unix seconds."""
    models: frozenset[str] | None = None
    """What the API token was for when the connection began; None: every model."""
    model: str | None = None
    """The one model, as ``provider/name``, that is needed; None: all of `models`."""


def refusal_of_user(is_active: bool | None) -> NotAuthenticated | None:
    """Why an account opens nothing; `is_active` is None where the account is gone."""
    if is_active is None:
        return NotAuthenticated(_("The account does not exist any more."), code="account_deleted")
    if not is_active:
        return NotAuthenticated(
            _("This account is deactivated; ask the operator."), code="account_suspended"
        )
    return None


def refusal_of_token(
    expires_at: datetime | None, secret_until: datetime | float | None
) -> NotAuthenticated | None:
    """Why an API token opens nothing. `secret_until` is when the secret that was shown ends: never
    (infinity) for the present one, None for one that is unknown."""
    now = timezone.now()
    if secret_until is None or (isinstance(secret_until, datetime) and secret_until <= now):
        return NotAuthenticated(
            _("This API token was rotated: use its new secret."), code="token_rotated"
        )
    if expires_at is not None and expires_at <= now:
        return NotAuthenticated(
            _("This API token has expired: make a new one at /tokens/."), code="token_expired"
        )
    return None


def refusal_of_access_token(expires_at: float, is_login_open: bool) -> NotAuthenticated | None:
    """Why an access token opens nothing."""
    if expires_at <= time.time():
        return NotAuthenticated(
            _("This access token has expired: get a new one from /auth/refresh or /auth/token."),
            code="access_token_expired",
        )
    if not is_login_open:
        return NotAuthenticated(
            _("The login of this access token has ended: log in again at /auth/token."),
            code="login_ended",
        )
    return None


NO_TOKEN = gettext_noop("There is no such API token: it is mistyped, or was revoked.")


def topic(user_id: UUID) -> str:
    """What is notified when something that a user's callers rest on has changed."""
    return f"caller:{user_id}"


def refusals(rights: Collection[Right]) -> dict[Right, NotAuthenticated]:
    """Those of `rights` that are lost, and why. Needs the database."""
    facts = _look(rights)
    found = ((right, facts.refusal(right)) for right in rights)
    return {right: error for right, error in found if error is not None}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the database says of the rights that were asked for."""

    active: dict[UUID, bool]
    tokens: dict[UUID, dict[str, Any]]
    former: dict[bytes, datetime]
    logins: set[UUID]

    def refusal(self, right: Right) -> NotAuthenticated | None:
        refused = refusal_of_user(self.active.get(right.user_id))
        if refused is None and right.token_id is not None:
            refused = self._of_token(right, self.tokens.get(right.token_id))
        if refused is None and right.login_id is not None:
            is_open = right.login_id in self.logins
            refused = refusal_of_access_token(right.expires_at, is_open)
        return refused

    def _of_token(self, right: Right, row: dict[str, Any] | None) -> NotAuthenticated | None:
        if row is None:
            return NotAuthenticated(_(NO_TOKEN), code="token_deleted")
        until: datetime | float | None = math.inf
        if right.secret is not None and bytes(row["digest"]) != right.secret:
            until = earlier(self.former.get(right.secret), row["former_valid_until"])
        refused = refusal_of_token(row["expires_at"], until)
        if refused is None and _is_narrowed(right, row["allowed_models"]):
            refused = NotAuthenticated(
                _("The rights of this API token were restricted: connect again."),
                code="token_restricted",
            )
        return refused


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier moment; None if either is missing."""
    return min(one, other) if one and other else None


def _is_narrowed(right: Right, allowed: list[str] | None) -> bool:
    """Whether the token was good for something that it is not good for now."""
    if right.model is not None:
        provider, _, name = right.model.partition("/")
        return not tokens.allows(ApiToken(allowed_models=allowed), provider, name)
    if not allowed:
        return False
    return right.models is None or not all(_covers(allowed, name) for name in right.models)


def _covers(allowed: list[str], name: str) -> bool:
    return name in allowed or f"{name.partition('/')[0]}/*" in allowed


def _look(rights: Collection[Right]) -> _Facts:
    secrets = [right.secret for right in rights if right.secret]
    wanted = ("digest", "former_valid_until", "expires_at", "allowed_models")
    open_logins = Login.objects.filter(pk__in={r.login_id for r in rights}, ended_at=None)
    rows = ApiToken.objects.filter(pk__in={right.token_id for right in rights})
    former = FormerSecret.objects.filter(digest__in=secrets).values_list("digest", "valid_until")
    users = User.objects.filter(pk__in={right.user_id for right in rights})
    return _Facts(
        active=dict(users.values_list("pk", "is_active")),
        tokens={row["pk"]: row for row in rows.values("pk", *wanted)},
        former={bytes(digest): until for digest, until in former} if secrets else {},
        logins=set(open_logins.values_list("pk", flat=True)),
    )


@dataclass(eq=False, slots=True)  # two connections may hold equal rights
class _Held:
    right: Right
    lost: Lost
    ear: ExitStack = field(default_factory=ExitStack)


class Watch:
    """The rights that this event loop's connections rest on: one look for all of them."""

    def __init__(self) -> None:
        self._held: set[_Held] = set()
        self._due: set[_Held] = set()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def hold(self, right: Right, lost: Lost) -> Callable[[], None]:
        """Have `lost` called, once, with the reason why `right` fell away; the returned function
        lets go of it."""
        held = _Held(right, lost)
        self._held.add(held)

        def wake() -> None:
            self._due.add(held)
            self._woken.set()

        held.ear.enter_context(listener().listening(topic(right.user_id), wake))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="revocation")

        def release() -> None:
            if held in self._held:
                self._held.discard(held)
                self._due.discard(held)
                held.ear.close()

        return release

    async def _run(self) -> None:
        last_look = time.monotonic()
        while self._held:
            rest = last_look + CHECK_SECONDS - time.monotonic()
            if rest > 0:
                try:
                    async with asyncio.timeout(rest):
                        await self._woken.wait()
                except TimeoutError:
                    pass
            self._woken.clear()
            if time.monotonic() >= last_look + CHECK_SECONDS:
                last_look, self._due = time.monotonic(), set(self._held)
            due, self._due = self._due & self._held, set()
            await self._check(due)

    async def _check(self, due: set[_Held]) -> None:
        if not due:
            return
        try:
            found = await in_database(refusals, {held.right for held in due})
        except Unavailable:
            return  # nobody can begin anything either; the next look comes soon
        except Exception:
            # A bug: it must not end the watch for all the others.
            log.exception("rights could not be looked at")
            return
        for held in due & self._held:
            if error := found.get(held.right):
                self._held.discard(held)
                held.ear.close()
                held.lost(error)


watch = PerLoop(Watch)


@contextmanager
def losing(right: Right) -> Iterator[asyncio.Future[RiniError]]:
    """While in this block: the error that says why `right` is lost, once it is."""
    lost: asyncio.Future[RiniError] = asyncio.get_running_loop().create_future()
    release = watch().hold(right, lambda error: None if lost.done() else lost.set_result(error))
    try:
        yield lost
    finally:
        release()
