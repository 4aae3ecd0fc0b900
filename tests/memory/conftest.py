"""What tests of memory share: entries, and sessions to be told them in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.vendors.stage import Stage

PLAYED = {"provider": "local", "model": "played"}


def remember(user: User, session: str, content: str, **fields: Any) -> dict[str, Any]:
    answer = user.post(f"/sessions/{session}/memory", json={"content": content, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def shared(user: User, session: str, content: str, **fields: Any) -> dict[str, Any]:
    return remember(user, session, content, scope="Shared", **fields)


def ask(user: User, session: str, text: str, **body: Any) -> dict[str, Any]:
    answer = user.post(
        "/llm/text-completion/", json={**PLAYED, "text": text, "session_id": session, **body}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def listed(user: User, **filters: Any) -> list[str]:
    answer = user.get("/memory/", params=filters)
    assert answer.status_code == 200, answer.text
    return [entry["content"] for entry in answer.json()]


def prompt(stage: Stage, number: int = -1) -> str:
    """All that the model was told in its last call."""
    messages = stage.calls_of(model="played")[number].body["messages"]
    return "\n".join(str(message["content"]) for message in messages)


@pytest.fixture
def session(alice: User) -> str:
    return new_session(alice)
