"""What belongs to somebody else is not there, wherever its id stands."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.conftest import User
from tests.conversations.conftest import generate, new_session, stored
from tests.conversations.test_messages import say
from tests.vendors.script import Script
from tests.vendors.stage import Stage

GOOD = {"text": "질문", "provider": "local", "model": "m"}


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_asks_in_a_session_of_others(
    alice: User, bob: User, stage: Stage, stream: bool
) -> None:
    foreign = new_session(bob)
    before = stored()
    for wrong in (foreign, str(uuid4())):
        body = {**GOOD, "session_id": wrong, "stream": stream}
        assert alice.post("/llm/text-completion/", json=body).status_code == 404
        assert alice.post(f"/sessions/{wrong}/generations/", json=GOOD).status_code == 404
    assert stored() == before


def test_nobody_answers_a_message_of_another_session(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    own_elsewhere = say(alice, new_session(alice), "다른 곳")["assistant_message"]["id"]
    foreign = say(bob, new_session(bob), "秘密")["assistant_message"]["id"]
    before = stored()
    for parent in (own_elsewhere, foreign, 2**40):
        body = {**GOOD, "session_id": session, "parent_message_id": parent}
        assert alice.post("/llm/text-completion/", json=body).status_code == 404
    assert stored() == before


def test_a_generation_of_others_is_not_there(
    alice: User, bob: User, session: str, stage: Stage
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, session)
    for wrong in (begun["id"], str(uuid4())):
        assert bob.get(f"/generations/{wrong}").status_code == 404
        assert bob.get(f"/generations/{wrong}/events").status_code == 404
        assert bob.post(f"/generations/{wrong}/stop").status_code == 404
    assert bob.get("/generations/").json() == []
    assert alice.get(f"/generations/{begun['id']}").json()["status"] == "running"
    assert alice.post(f"/generations/{begun['id']}/stop").json()["status"] == "stopped"
