from __future__ import annotations

from tests.conftest import User


def test_a_text_is_answered_and_nothing_is_stored(alice: User) -> None:
    answer = alice.post(
        "/llm/text-completion/", json={"text": "안녕?", "provider": "demo", "model": "demo"}
    )
    assert answer.status_code == 200, answer.text
    assert "안녕?" in answer.json()["response_text"]
    assert answer.json()["session_id"] is None
