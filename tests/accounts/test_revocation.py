"""Whatever takes a caller's right away ends what rests on it: every kind on every interface, over
two processes. The one that hears of it is never the one that holds the connections.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection, transaction
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from accounts.models import FormerSecret, Login, RefreshToken
from accounts.models import User as Account
from accounts.refresh import GRACE
from billing.models import UsageRecord
from conversations.models import Generation
from tests.accounts.test_authentication import signed
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, wait_until_written
from tests.conversations.windows import Window
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

PASSWORD = "비밀번호 七色の虹 9"
WITHIN = 5.0
LONG = Script(pieces=["글 "] * 2000, delay=0.05)
CHAT = {"model": "local/played", "messages": [{"role": "user", "content": "길게"}]}


@pytest.fixture(scope="module")
def far(start_server: Callable[..., RiniServer]) -> RiniServer:
    """The process that holds the connections."""
    return start_server()


@pytest.fixture(autouse=True)
def _written() -> Iterator[None]:
    yield
    wait_until_written()


class Voice:
    """What speaks for yuna: an API token, or a login."""

    def __init__(self, yuna: User, *, by_token: bool) -> None:
        self.yuna = yuna
        self.made: dict[str, Any] = {}
        self.secret = yuna.token
        if by_token:
            body = {"name": "프로그램", "current_password": PASSWORD}
            self.made = yuna.post("/tokens/", json=body).raise_for_status().json()
            self.secret = self.made["token"]

    def patch(self, **body: Any) -> None:
        self.yuna.patch(f"/tokens/{self.made['id']}", json=body).raise_for_status()


def suspended(voice: Voice) -> None:
    Account.objects.filter(pk=voice.yuna.user_id).update(is_active=False)


def deleted(voice: Voice) -> None:
    proof = {"current_password": PASSWORD}
    assert voice.yuna.request("DELETE", "/users/me", json=proof).status_code == 204


def token_deleted(voice: Voice) -> None:
    assert voice.yuna.delete(f"/tokens/{voice.made['id']}").status_code == 204


def token_expired(voice: Voice) -> None:
    voice.patch(expires_at=(timezone.now() + timedelta(seconds=0.5)).isoformat())


def token_restricted(voice: Voice) -> None:
    voice.patch(allowed_models=["demo/*"])


def token_rotated(voice: Voice) -> None:
    proof = {"current_password": PASSWORD}
    address = f"/tokens/{voice.made['id']}/rotate"
    voice.yuna.post(address, json=proof).raise_for_status()
    FormerSecret.objects.update(valid_until=timezone.now())  # its grace is over


def password_changed(voice: Voice) -> None:
    body = {"password": "새로운 비밀번호 42", "current_password": PASSWORD}
    voice.yuna.patch("/users/me", json=body).raise_for_status()


def logged_out(voice: Voice) -> None:
    body = {"refresh_token": voice.yuna.account["refresh_token"]}
    assert voice.yuna.post("/auth/logout", json=body).status_code == 204


def ended_from_elsewhere(voice: Voice) -> None:
    body = {"username": "유나", "password": PASSWORD}
    other = voice.yuna.post("/auth/token", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {other}"}
    assert voice.yuna.delete("/auth/logins/", headers=headers).json()["ended"] >= 1


def replayed(voice: Voice) -> None:
    body = {"refresh_token": voice.yuna.account["refresh_token"]}
    voice.yuna.post("/auth/refresh", json=body).raise_for_status()
    RefreshToken.objects.exclude(consumed_at=None).update(consumed_at=timezone.now() - GRACE)
    assert voice.yuna.post("/auth/refresh", json=body).status_code == 401


def access_token_expired(voice: Voice) -> None:
    """It was signed to expire: see `voices`."""


OF_TOKENS = (suspended, deleted, token_deleted, token_expired, token_restricted, token_rotated)
OF_LOGINS = (
    *(suspended, deleted, password_changed, logged_out, ended_from_elsewhere, replayed),
    access_token_expired,
)
STOPS_SPENDING = {suspended, deleted, token_deleted, token_expired, token_restricted}
CODES: dict[Callable[[Voice], None], str] = {
    suspended: "account_suspended",
    deleted: "account_deleted",
    token_deleted: "token_deleted",
    token_expired: "token_expired",
    token_restricted: "token_restricted",
    token_rotated: "token_rotated",
    access_token_expired: "access_token_expired",
}


class Connections:
    """A socket, an event stream of a session, a stream of which nothing is stored, and a caller who
    waits for a whole answer, all by one token."""

    def __init__(self, voice: Voice, far: RiniServer, stack: ExitStack) -> None:
        headers = {"Authorization": f"Bearer {voice.secret}"}
        self.client = stack.enter_context(
            httpx.Client(base_url=far.url, headers=headers, timeout=60)
        )
        session = self.client.post("/sessions/", json={}).json()["id"]
        self.window = stack.enter_context(Window(voice.yuna, far, session, token=voice.secret))
        self.window.ready()
        body = {"text": "질문", "provider": "local", "model": "played"}
        begun = self.client.post(f"/sessions/{session}/generations/", json=body).json()
        self.generation: str = begun["id"]
        self.ends: dict[str, tuple[float, str]] = {}
        self.threads = [
            self._reading("journal", "GET", f"/generations/{self.generation}/events"),
            self._reading("stateless", "POST", "/v1/chat/completions", CHAT | {"stream": True}),
            self._reading("whole", "POST", "/v1/chat/completions", CHAT | {"model": "local/slow"}),
        ]

    def _reading(
        self, name: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> threading.Thread:
        def read() -> None:
            answer = self.client.request(method, path, json=body)
            self.ends[name] = (time.monotonic(), answer.text)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def await_ends(self, since: float) -> None:
        code = self.window.close_code(WITHIN)
        assert code == 4401
        assert time.monotonic() - since < WITHIN
        for thread in self.threads:
            thread.join(WITHIN + 2)
        assert {name: ended - since < WITHIN for name, (ended, _) in self.ends.items()} == {
            "journal": True,
            "stateless": True,
            "whole": True,
        }


@pytest.mark.parametrize(
    ("kind", "by_token"),
    [*((kind, True) for kind in OF_TOKENS), *((kind, False) for kind in OF_LOGINS)],
)
def test_what_rests_on_a_lost_right_ends(
    new_user: Callable[..., User],
    far: RiniServer,
    stage: Stage,
    kind: Callable[[Voice], None],
    by_token: bool,
) -> None:
    stage.always(LONG, model="played")
    stage.always(Script(hangs=True), model="slow")
    yuna = new_user(username="유나", password=PASSWORD)
    voice = Voice(yuna, by_token=by_token)
    if kind is access_token_expired:
        voice.secret = signed(yuna.user_id, exp=timezone.now() + timedelta(seconds=4))
    with ExitStack() as stack:
        held = Connections(voice, far, stack)
        eventually(lambda: len(stage.calls) == 3)
        if kind is access_token_expired:
            time.sleep(2.5)
        since = time.monotonic()
        kind(voice)
        held.await_ends(since + (0.5 if kind is token_expired else 0))
        assert "login_ended" in held.ends["stateless"][1] or (
            CODES.get(kind, "") in held.ends["stateless"][1]
        )
        assert "[DONE]" not in held.ends["stateless"][1]
        status = held.client.get("/users/me").status_code
        assert status == (200 if kind is token_restricted else 401)
        stopped = UsageRecord.objects.filter(session_id=None, status="stopped")
        eventually(lambda: stopped.count() == 2)
        if kind in STOPS_SPENDING:
            # Those of a deleted user are gone: what its process has spent is in the ledger.
            eventually(lambda: UsageRecord.objects.filter(status="stopped").count() == 3)
            found = Generation.objects.filter(pk=held.generation)
            eventually(lambda: set(found.values_list("status", flat=True)) <= {"stopped"})
        else:
            assert Generation.objects.get(pk=held.generation).status == "running"
            Account.objects.filter(pk=yuna.user_id).update(is_active=False)


def test_the_next_message_of_a_socket_is_refused_at_once(
    new_user: Callable[..., User], far: RiniServer, stage: Stage
) -> None:
    yuna = new_user(username="유나", password=PASSWORD)
    for _ in range(5):
        voice = Voice(yuna, by_token=True)
        session = yuna.post("/sessions/", json={}).json()["id"]
        with Window(yuna, far, session, token=voice.secret) as window:
            window.ready()
            token_deleted(voice)
            with suppress(ConnectionClosed):  # it may be even sooner
                window.generate()
            assert window.close_code() == 4401
    assert not stage.calls
    assert not Generation.objects.exists()


def test_a_socket_goes_on_with_the_next_access_token(
    new_user: Callable[..., User], far: RiniServer, stage: Stage
) -> None:
    yuna = new_user(username="유나", password=PASSWORD)
    short = signed(yuna.user_id, exp=timezone.now() + timedelta(seconds=2))
    session = yuna.post("/sessions/", json={}).json()["id"]
    with Window(yuna, far, session, token=short) as window:
        window.ready().send("authenticate", token=yuna.token)
        time.sleep(5.5)
        window.ready().generate("아직?")
        assert window.until_end()[-1]["type"] == "generation.completed"


def test_what_changes_without_taking_anything_away_ends_nothing(
    new_user: Callable[..., User], far: RiniServer
) -> None:
    yuna = new_user(username="유나", password=PASSWORD)
    voice = Voice(yuna, by_token=True)
    voice.patch(allowed_models=["local/played"])
    session = yuna.post("/sessions/", json={}).json()["id"]
    with Window(yuna, far, session, token=voice.secret) as window:
        window.ready()
        voice.patch(name="다른 이름", allowed_models=["local/*", "demo/*"])
        yuna.patch("/users/me", json={"email": "yuna@example.org", "current_password": PASSWORD})
        yuna.post("/auth/token", json={"username": "유나", "password": PASSWORD})
        time.sleep(4)
        window.ready()


def test_rights_are_looked_at_even_where_nothing_is_heard(
    new_user: Callable[..., User], far: RiniServer, database: None
) -> None:
    """The trigger's notification is lost, as with a listening connection that has just broken."""
    yuna = new_user()
    session = yuna.post("/sessions/", json={}).json()["id"]
    with Window(yuna, far, session) as window:
        window.ready()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_login DISABLE TRIGGER tell_of_caller")
            Login.objects.filter(user_id=yuna.user_id).update(ended_at=timezone.now())
            cursor.execute("ALTER TABLE accounts_login ENABLE TRIGGER tell_of_caller")
        assert window.close_code(WITHIN) == 4401


def test_a_logout_lets_the_answer_be_written_to_its_end(
    new_user: Callable[..., User], far: RiniServer, stage: Stage
) -> None:
    stage.next(Script(pieces=["글 "] * 40, delay=0.1))
    yuna = new_user(username="유나", password=PASSWORD)
    session = yuna.post("/sessions/", json={}).json()["id"]
    begun = generate(yuna, session)
    logged_out(Voice(yuna, by_token=False))
    found = Generation.objects.filter(pk=begun["id"])
    eventually(lambda: found.get().status != "running", 20)
    assert found.get().status == "completed"
