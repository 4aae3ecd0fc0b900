"""What was answered to requests with an ``Idempotency-Key``, so that a retry does nothing again.

    claim ─► None: do it, then keep | release
         └─► the Kept answer of the request that was first

A key belongs to its owner (the token or login of a user; without one the caller's address), method
and address, for `IDEMPOTENCY_HOURS`. Only successes are kept: what failed has made nothing, and may
be tried again. Where a process dies with a claim, the next one takes it over. Answers lie sealed.

An answer that holds a secret is not kept: a retry only hears that its request was done, whatever
its body. So it is for callers without a token whose key might be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from rini.errors import Conflict, InvalidInput, Unprocessable
from rini.models import IdempotentRequest
from rini.secrets import sealed
from rini.secrets.secret import Secret
from rini.storage import heartbeat
from rini.storage.statements import execute
from rini.translation import gettext as _

SALT = "rini.web.idempotency"
UNGUESSABLE_CHARACTERS = 32
MAX_KEPT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key. `id` is the same for all retries, `body` for those that are one."""

    id: UUID
    owner: UUID | None
    body: bytes
    is_secret: bool
    """Whether nobody but its owner can send this key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer. For an event stream `stream` is its generation's id, else empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: str = ""


def keyed(
    key: str, owner: tuple[UUID | None, str], method: str, address: str, body: bytes
) -> KeyedRequest:
    """Raises `InvalidInput` for an invalid key.

    `owner` is a user's id and what spoke for the user, `address` the path with its query.
    """
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidInput(_("The Idempotency-Key must have 1 to 255 visible ASCII characters."))
    user_id, voice = owner
    identity = _digest(str(user_id), voice, method, address, key)
    is_secret = user_id is not None or len(key) >= UNGUESSABLE_CHARACTERS
    return KeyedRequest(UUID(bytes=identity[:16]), user_id, _digest(body), is_secret)


@transaction.atomic
def claim(request: KeyedRequest) -> Kept | None:
    """Take a request on, or return the answer that it got.

    Raises `Conflict` where it is still being answered or its answer was not kept, `Unprocessable`
    where its key was used with another body.
    """
    if _insert(request):
        return None
    row = IdempotentRequest.objects.select_for_update().filter(id=request.id).first()
    if row is None:  # the one that was first has failed this moment
        raise _in_progress()
    if row.created_at <= _limit() or _is_abandoned(row):
        row.delete()
        _insert(request)
        return None
    return _answer(row, request)


def keep(request: KeyedRequest, answer: Kept | None) -> None:
    """Keep the answer to a request that this process has taken on; None: only that it was done.

    One that is too large (embeddings) is not worth it: a retry asks anew.
    """
    if answer and len(answer.body) > MAX_KEPT_BYTES:
        release(request)
        return
    row = IdempotentRequest(id=request.id, owner=request.owner)
    if answer and request.is_secret:
        sealed.put(row, "answer", Secret(_encoded(answer)))
    _claimed(request).update(answered_at=timezone.now(), answer=row.answer)


def release(request: KeyedRequest) -> None:
    """Forget a request that this process has taken on, and that has failed."""
    _claimed(request).delete()


def forget_owner(owner: UUID) -> None:
    """Delete what is kept of a user."""
    IdempotentRequest.objects.filter(owner=owner).delete()


def forget_old() -> int:
    """Delete what is kept no longer; how many."""
    return IdempotentRequest.objects.filter(created_at__lte=_limit()).delete()[0]


_INSERT = """
    INSERT INTO rini_idempotentrequest (id, owner, body, process_id, created_at)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING true
"""


def _insert(request: KeyedRequest) -> bool:
    """Whether this request is the first with its key."""
    row = (request.id, request.owner, request.body, heartbeat.process_id(), timezone.now())
    return bool(execute(_INSERT, row))


def _claimed(request: KeyedRequest) -> QuerySet[IdempotentRequest]:
    return IdempotentRequest.objects.filter(
        id=request.id, process_id=heartbeat.process_id(), answered_at=None
    )


def _is_abandoned(row: IdempotentRequest) -> bool:
    alive = heartbeat.living().filter(id=row.process_id)
    return row.answered_at is None and not alive.exists()


def _in_progress() -> Conflict:
    return Conflict(
        _("The request with this Idempotency-Key is still being answered."),
        code="request_in_progress",
        retry_after=1,
    )


def _answer(row: IdempotentRequest, request: KeyedRequest) -> Kept:
    # First: whether the body was the same would tell what was in it, a password for instance.
    if row.answered_at is not None and row.answer is None:
        raise Conflict(
            _(
                "The request with this Idempotency-Key was done. Its answer was not kept: it "
                "holds a secret, or came without a token and with a key of fewer than "
                "%(characters)s characters."
            )
            % {"characters": UNGUESSABLE_CHARACTERS},
            code="answer_not_kept",
        )
    if bytes(row.body) != request.body:
        raise Unprocessable(
            _("This Idempotency-Key was used with another body: use a new key for a new request."),
            code="idempotency_key_reused",
        )
    answer = sealed.take(row, "answer") if row.answered_at else None
    if answer is None:
        raise _in_progress()
    return _decoded(answer.reveal())


def _encoded(answer: Kept) -> str:
    head = [answer.status, dict(answer.headers), answer.stream]
    # JSON has no bytes: in latin-1 each is the character of its number, and comes back as it was.
    return orjson.dumps([*head, answer.body.decode("latin-1")]).decode()


def _decoded(text: str) -> Kept:
    status, headers, stream, body = orjson.loads(text)
    return Kept(status, headers, body.encode("latin-1"), stream)


def _limit() -> datetime:
    return timezone.now() - timedelta(hours=settings.IDEMPOTENCY_HOURS)


def _digest(*parts: str | bytes) -> bytes:
    """Keyed, so that the table helps nobody to guess what was in a body: a password, maybe."""
    message = b"".join(
        len(part).to_bytes(8, "big") + part
        for part in (part.encode() if isinstance(part, str) else part for part in parts)
    )
    return salted_hmac(SALT, message, algorithm="sha256").digest()
