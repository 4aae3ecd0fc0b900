"""Requests with an `Idempotency-Key`: a retry gets the answer of the first, streams too."""

from __future__ import annotations

import pytest

from conversations.models import Message
from tests.conftest import User
from tests.dialects.streams import until
from tests.vendors.script import Script
from tests.vendors.stage import Stage

KEY = {"Idempotency-Key": "다시".encode().hex()}
PIECES = Script(pieces=["하나", "둘", "셋"], delay=0.1)


@pytest.fixture(params=["session_chat", "conversation_rag"])
def question(request: pytest.FixtureRequest, alice: User) -> tuple[str, dict[str, str]]:
    """Where to ask for a stream, and what."""
    if request.param == "session_chat":
        session_id = alice.post("/api/sessions").json()["session_id"]
        return "/api/chat/stream", {"session_id": session_id, "message": "세어 줘"}
    body = {"title": "대화", "model": "local/gpt-4o-mini"}
    number = alice.post("/api/conversations/create", json=body).json()["conversation_id"]
    return f"/api/chat/{number}", {"message": "세어 줘"}


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_a_stream_is_read_again_by_its_retry(
    alice: User, stage: Stage, question: tuple[str, dict[str, str]], accept: str
) -> None:
    stage.next(PIECES)
    path, body = question
    headers = KEY | {"Accept": accept}
    first = alice.post(path, json=body, headers=headers)
    again = alice.post(path, json=body, headers=headers)
    assert first.status_code == 200
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert Message.objects.count() == 2


def test_a_stream_with_a_key_goes_on_without_its_first_reader(
    alice: User, stage: Stage, question: tuple[str, dict[str, str]]
) -> None:
    stage.next(PIECES)
    path, body = question
    alice.headers.update(KEY)
    until(alice, path, body, seen="하나")
    assert "셋" in alice.post(path, json=body).text
    assert [call.pieces_sent for call in stage.calls_of(model="gpt-4o-mini")] == [3]


def test_a_chat_and_a_one_shot_stream_are_not_begun_twice(alice: User, stage: Stage) -> None:
    body = {"message": "안녕", "model": "local/gpt-4o-mini"}
    for path in ("/chat", "/chat/stream"):
        first, again = (alice.post(path, json=body, headers=KEY) for _ in range(2))
        assert first.json() == again.json()
    # The answer of a stream is asked for once its reader has been told of it.
    stage.wait_for_call(2, model="gpt-4o-mini")
    assert len(stage.calls_of(model="gpt-4o-mini")) == 2
