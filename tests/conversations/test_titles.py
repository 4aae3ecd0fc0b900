from __future__ import annotations

from collections.abc import Callable

import pytest

from billing.models import UsageRecord
from conversations.digests import titles
from conversations.models import Session
from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.conversations.test_messages import say
from tests.conversations.worker import worker
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

__all__ = ["worker"]


@pytest.fixture(scope="module")
def naming_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A web process that has sessions named after their first answer."""
    return start_server(AUTO_TITLE="true")


@pytest.fixture
def alice_there(alice: User, naming_server: RiniServer) -> User:
    """Alice, as a client of the server that names."""
    return User(naming_server, alice.account)


def test_a_title_is_asked_of_the_model_of_the_last_answer(
    alice: User, session: str, stage: Stage
) -> None:
    say(alice, session, "서울에서 뭘 볼까?")
    stage.next(Script(pieces=["“서울 ", "여행 계획.”\n그 밖의 말"]))
    answer = alice.post(f"/sessions/{session}/title")
    assert answer.status_code == 200, answer.text
    assert answer.json() == alice.get(f"/sessions/{session}").json()
    assert answer.json()["alias"] == "서울 여행 계획"
    asked = stage.calls[-1]
    assert asked.model == "m"
    assert "서울에서 뭘 볼까?" in asked.body["messages"][-1]["content"]
    record = UsageRecord.objects.get(purpose="title")
    assert (str(record.session_id), record.model) == (session, "m")
    found = alice.get("/search", params={"q": "여행 계획"}).json()
    assert [hit["session_id"] for hit in found] == [session]


def test_the_model_of_a_title_can_be_named(alice: User, session: str, stage: Stage) -> None:
    say(alice, session, "질문")
    body = {"provider": "local", "model": "titler"}
    assert alice.post(f"/sessions/{session}/title/", json=body).status_code == 200
    assert stage.calls[-1].model == "titler"


def test_the_demo_model_names_without_a_call(alice: User, session: str) -> None:
    say(alice, session, "서울의 날씨는 어때?\n내일은?", provider="demo", model="demo")
    assert alice.post(f"/sessions/{session}/title").json()["alias"] == "서울의 날씨는 어때?"
    assert not UsageRecord.objects.filter(purpose="title").exists()


def test_a_session_without_messages_has_nothing_to_be_named_after(
    alice: User, session: str
) -> None:
    answer = alice.post(f"/sessions/{session}/title", json={"model": "demo/demo"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_a_vendors_failure_leaves_the_title(alice: User, stage: Stage) -> None:
    session_id = new_session(alice, alias="옛 제목")
    say(alice, session_id, "질문")
    stage.next(Script(failure=Failure(429)))
    assert alice.post(f"/sessions/{session_id}/title").status_code == 429
    assert alice.get(f"/sessions/{session_id}").json()["alias"] == "옛 제목"


def test_nobody_names_sessions_of_others(alice: User, bob: User, stage: Stage) -> None:
    foreign = new_session(bob)
    say(bob, foreign, "질문")
    calls = len(stage.calls)
    assert alice.post(f"/sessions/{foreign}/title").status_code == 404
    assert len(stage.calls) == calls


@pytest.mark.usefixtures("worker")
def test_a_session_is_named_after_its_first_answer(
    alice_there: User, session: str, stage: Stage
) -> None:
    stage.next(Script(pieces=["경복궁이요"]), Script(pieces=["서울 구경"]))
    say(alice_there, session, "서울에서 뭘 볼까?")
    eventually(lambda: Session.objects.get(id=session).alias == "서울 구경", within=30)
    said = stage.calls[-1].body["messages"][-1]["content"]
    assert said == "USER: 서울에서 뭘 볼까?\n\nASSISTANT: 경복궁이요"
    assert UsageRecord.objects.get(purpose="title").user_id == Session.objects.get().user_id
    say(alice_there, session, "또?")
    assert len(stage.calls) == 3


@pytest.mark.usefixtures("worker")
def test_a_named_session_keeps_its_name(alice_there: User, stage: Stage) -> None:
    named, later = new_session(alice_there, alias="내 이름"), new_session(alice_there)
    say(alice_there, named, "질문")
    say(alice_there, later, "질문")
    eventually(lambda: Session.objects.get(id=later).alias, within=30)
    assert Session.objects.get(id=named).alias == "내 이름"
    assert UsageRecord.objects.filter(purpose="title").count() == 1


def test_the_demo_model_names_by_itself(alice_there: User, session: str) -> None:
    say(alice_there, session, "北京有什么好玩的？", provider="demo", model="demo")
    eventually(lambda: Session.objects.get(id=session).alias == "北京有什么好玩的？")


def test_an_answer_that_was_stopped_names_nothing(
    alice_there: User, session: str, stage: Stage
) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice_there, session)
    alice_there.post(f"/generations/{begun['id']}/stop")
    say(alice_there, session, "둘째", provider="demo", model="demo")
    assert Session.objects.get(id=session).alias == ""


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("“서울 여행.”", "서울 여행"),
        ("Title: A trip to Seoul", "A trip to Seoul"),
        ("**标题：北京旅行。**", "北京旅行"),
        ("\n\n「京都の旅」\n説明", "京都の旅"),
        ("word " * 40, "word " * 14 + "word…"),
        ("", ""),
        ("…", "…"),
    ],
)
def test_a_title_is_one_short_line(text: str, title: str) -> None:
    assert titles.clean(text) == title
