"""What tests of conversations share: sessions, a second process, and quiet at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from billing.models import Hold, UsageRecord
from conversations.models import Generation, Message, Session
from rini.storage import heartbeat
from tests.conftest import User
from tests.rini_server import RiniServer

PROVIDER_KEY = "sk-alice-0123456789abcdef"
MODELS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-2.5-flash",
}


def eventually(is_so: Callable[[], Any], within: float = 10) -> Any:
    """What `is_so` returns once it is true: for what happens in another process."""
    deadline = time.monotonic() + within
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.02)
    return found


def new_session(user: User, **body: Any) -> str:
    answer = user.post("/sessions/", json=body)
    assert answer.status_code == 201, answer.text
    session_id: str = answer.json()["id"]
    return session_id


def generate(user: User, session_id: str, text: str = "질문", **body: Any) -> dict[str, Any]:
    """Begin an answer of the played local server."""
    body = {"text": text, "provider": "local", "model": "played", **body}
    answer = user.post(f"/sessions/{session_id}/generations/", json=body)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def wait_until_written() -> None:
    """Return when no living process writes an answer: then the tables can be emptied."""
    living = heartbeat.living().values("id")
    running = Generation.objects.filter(status="running", process_id__in=living)
    eventually(lambda: not running.exists())
    eventually(lambda: not Hold.objects.filter(process_id__in=living).exists())


def add_keys(user: User) -> None:
    """Give `user` a key for every played vendor."""
    for provider in MODELS:
        body = {"model_provider": provider, "api_key_value": PROVIDER_KEY}
        assert user.post("/api-keys/", json=body).status_code == 201


def stored() -> tuple[int, ...]:
    """How many rows there are of everything that a request for an answer may store."""
    return tuple(model.objects.count() for model in (Session, Message, Generation, UsageRecord))


@pytest.fixture
def session(alice: User) -> str:
    """The id of a session of alice's."""
    return new_session(alice)


@pytest.fixture(scope="module")
def other_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A second web process beside `server`; in silence it soon says that it lives."""
    return start_server(STREAM_KEEPALIVE_SECONDS="0.5")


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest, server: RiniServer) -> Iterator[None]:
    """Every answer comes to an end, no hold is left, and no bug stands in the server's log."""
    logged = len(server.log)
    yield
    eventually(lambda: not Generation.objects.filter(status="running").exists())
    eventually(lambda: not Hold.objects.exists())
    lines = server.log[logged:].splitlines()
    bad = [line for line in lines if _level(line) in {"error", "critical"} or "Traceback" in line]
    assert not bad, "\n".join(bad)


def _level(line: str) -> str:
    try:
        return str(json.loads(line).get("level"))
    except ValueError:
        return ""
