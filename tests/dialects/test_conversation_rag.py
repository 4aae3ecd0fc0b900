from __future__ import annotations

from typing import Any

import httpx
import pytest

from billing.models import UsageRecord
from conversations.models import Generation, Message, Session
from providers.models import ApiKey, Model
from providers.vendors import vendor_of_model
from tests.conftest import User
from tests.conversations.conftest import eventually
from tests.dialects.conftest import OPERATORS_KEY
from tests.dialects.streams import give_up, until
from tests.rini_server import RiniServer
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

OWN_KEY = "sk-conversation-9876"
SLOW = Script(pieces=["안녕"] * 200, delay=0.05)


def create(user: httpx.Client, **body: Any) -> int:
    """A conversation with a key of its own, unless `body` says otherwise."""
    body = {"title": "대화", "model": "gpt-4o-mini", "api_key": OWN_KEY, **body}
    answer = user.post("/api/conversations/create", json=body)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["conversation_id"]
    return number


def ask(user: httpx.Client, number: int | str, message: str = "질문") -> httpx.Response:
    return user.post(f"/api/chat/{number}", json={"message": message})


def said(user: httpx.Client, number: int) -> list[str]:
    history = user.get(f"/api/conversations/history/{number}").json()
    return [message["content"] for message in history["messages"]]


@pytest.fixture
def conversation(alice: User) -> int:
    return create(alice)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("GPT-4", "openai"),
        ("chatgpt-4o-latest", "openai"),
        ("o3-mini", "openai"),
        ("o1", "openai"),
        ("glm-4-plus", "zhipu"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-flash", "google"),
        ("deepseek-chat", "deepseek"),
        ("mistral-large-latest", "mistral"),
        ("codestral-latest", "mistral"),
        ("llama-3.3-70b-versatile", None),
        ("openai/gpt-4o", None),
        ("olympus", None),
        ("gptj", None),
    ],
)
def test_a_models_name_speaks_of_its_provider(model: str, provider: str | None) -> None:
    assert vendor_of_model(model) == provider


@pytest.mark.parametrize(
    ("model", "stored"),
    [
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("glm-4-plus", "zhipu/glm-4-plus"),
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-oss-20b", "groq/openai/gpt-oss-20b"),
        ("우리-모델", "local/우리-모델"),
        ("gpt-oss:20b", "local/gpt-oss:20b"),
    ],
)
def test_a_model_is_at_its_vendor_else_in_the_catalogue_else_at_the_own_server(
    alice: User, model: str, stored: str
) -> None:
    create(alice, model=model, api_key=None)
    assert alice.get("/sessions/").json()[0]["model"] == stored


@pytest.mark.parametrize(
    "model",
    [
        "claude-3-5-haiku-20241022",
        "gpt-9-secret",
        "우리-모델",
        "nosuch/model",
        "openai/gpt-oss-20b",  # Groq has it, by that name
    ],
)
def test_a_key_for_a_model_that_nobody_knows_goes_to_nobody(
    alice: User, stage: Stage, model: str
) -> None:
    body = {"title": "대화", "model": model, "api_key": OWN_KEY}
    answer = alice.post("/api/conversations/create", json=body)
    assert answer.status_code == 400
    assert model in answer.json()["error"]
    assert not ApiKey.objects.exists()
    assert not Session.objects.exists()


def test_a_key_for_a_model_of_several_providers_goes_to_none_of_them(
    other_server: RiniServer, alice: User
) -> None:
    """Though OpenAI is the only one of them that the caller has a key for."""
    alice.base_url = httpx.URL(other_server.url)
    rows = [Model(provider_id=slug, name="흔한-모델") for slug in ("openai", "groq")]
    for row in rows:
        row.save()
    try:
        body = {"title": "대화", "model": "흔한-모델", "api_key": OWN_KEY}
        answer = alice.post("/api/conversations/create", json=body)
        assert answer.status_code == 400
        assert "groq/흔한-모델" in answer.json()["error"]
        assert not ApiKey.objects.exists()
    finally:
        for row in rows:
            row.delete()


def test_a_key_for_the_own_server_is_given_to_it_by_name(alice: User, stage: Stage) -> None:
    number = create(alice, model="local/우리-모델")
    assert ask(alice, number).status_code == 200
    assert [call.key for call in stage.calls_of(model="우리-모델")] == [OWN_KEY]


def test_without_an_own_server_an_unknown_model_is_a_bad_request(
    other_server: RiniServer, alice: User
) -> None:
    alice.base_url = httpx.URL(other_server.url)
    body = {"title": "대화", "model": "4o-mini"}
    answer = alice.post("/api/conversations/create", json=body)
    assert answer.status_code == 400
    assert "gpt-4o-mini" in answer.json()["error"]
    assert not Session.objects.exists()


def test_conversations_are_sessions_of_the_native_api_too(alice: User, conversation: int) -> None:
    assert ask(alice, conversation, "你好").status_code == 200
    (session,) = alice.get("/sessions/").json()
    assert (session["alias"], session["memory_mode"]) == ("대화", "DISABLED")
    messages = alice.get(f"/sessions/{session['id']}/messages/").json()
    assert [message["content"] for message in messages] == ["你好", "你好"]


def test_a_conversations_key_serves_it_alone(
    other_server: RiniServer, alice: User, bob: User, stage: Stage
) -> None:
    alice.base_url = bob.base_url = httpx.URL(other_server.url)
    with_key, without = create(alice), create(alice, api_key="")
    others = create(bob, api_key=None)
    for user, number in ((alice, with_key), (alice, without), (bob, others)):
        assert ask(user, number).status_code == 200
    body = {"text": "질문", "provider": "openai", "model": "gpt-4o-mini"}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    keys = [call.key for call in stage.calls_of(model="gpt-4o-mini")]
    assert keys == [OWN_KEY, OPERATORS_KEY, OPERATORS_KEY, OPERATORS_KEY]


def test_a_conversations_key_is_sealed_and_in_no_list_and_goes_with_it(
    alice: User, conversation: int
) -> None:
    (key,) = ApiKey.objects.all()
    assert key.sealed
    assert OWN_KEY.encode() not in key.sealed
    assert alice.get("/api-keys/").json() == []
    assert alice.post(f"/api/conversations/del/{conversation}").status_code == 200
    assert not ApiKey.objects.exists()


def test_a_limited_token_begins_conversations_but_stores_no_key(alice: User) -> None:
    token = alice.post("/tokens/", json={"name": "ci", "allowed_models": ["openai/*"]}).json()
    body = {"title": "대화", "model": "gpt-4o-mini"}
    headers = {"Authorization": f"Bearer {token['token']}"}
    path = "/api/conversations/create"
    refused = alice.post(path, json=body | {"api_key": OWN_KEY}, headers=headers)
    assert (refused.status_code, list(refused.json())) == (403, ["error"])
    assert not Session.objects.exists()
    assert alice.post(path, json=body, headers=headers).status_code == 200


def test_the_ledger_has_what_the_vendor_counted(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(Script(usage=Tokens(input=1000, output=100)))
    ask(alice, conversation)
    (row,) = UsageRecord.objects.all()
    assert (str(row.user_id), row.provider, row.model) == (alice.user_id, "openai", "gpt-4o-mini")
    assert (row.input_tokens, row.output_tokens, row.status) == (1000, 100, "completed")
    assert row.cost_nano == 1000 * 150 + 100 * 600  # $0.15 and $0.60 a million


def test_conversations_of_others_are_not_found(alice: User, bob: User, conversation: int) -> None:
    answers = [
        bob.get(f"/api/conversations/history/{conversation}"),
        bob.post(f"/api/conversations/del/{conversation}"),
        ask(bob, conversation),
    ]
    expected = (404, {"error": f"Conversation {conversation} not found."})
    assert [(answer.status_code, answer.json()) for answer in answers] == [expected] * 3
    assert bob.get("/api/conversations/list").json() == []
    assert said(alice, conversation) == []


@pytest.mark.parametrize(("number", "status"), [("abc", 400), ("１", 400), ("-1", 400), ("0", 404)])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/conversations/history/{}"),
        ("POST", "/api/conversations/del/{}"),
        ("POST", "/api/chat/{}"),
    ],
)
def test_a_number_has_to_be_one_and_to_be_known(
    alice: User, method: str, path: str, number: str, status: int
) -> None:
    answer = alice.request(method, path.format(number), json={"message": "안녕"})
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 40, "9" * 5000])
def test_numbers_that_no_table_can_hold_are_not_found(alice: User, number: str) -> None:
    assert alice.get(f"/api/conversations/history/{number}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": "gpt-4o"}, "title"),
        ({"title": "대화"}, "model"),
        ({"title": "대" * 201, "model": "gpt-4o"}, "title"),
        ({"title": "대화", "model": "gpt-4o", "api_key": "한글 열쇠"}, "api_key"),
    ],
)
def test_bad_input_names_its_field(alice: User, body: dict[str, Any], field: str) -> None:
    answer = alice.post("/api/conversations/create", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}: ")
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"username": "민준"},
        {"password": "아주 긴 암호 2468"},
        {"username": "민준", "password": "짧다"},
        {"username": "민 준", "password": "아주 긴 암호 2468"},
    ],
)
def test_bad_credentials_open_no_account(client: httpx.Client, body: dict[str, str]) -> None:
    answer = client.post("/api/users/register", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_what_a_system_said_and_answers_that_failed_are_not_in_the_history(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(Script(failure=Failure(500)))
    assert ask(alice, conversation, "첫째").status_code == 502
    session = Session.objects.get()
    Message.objects.create(
        session=session,
        user=session.user,
        role="system",
        content="비밀",
        parent_message=session.active_message,
    )
    ask(alice, conversation, "둘째")
    history = alice.get(f"/api/conversations/history/{conversation}").json()["messages"]
    assert [(one["message_id"], one["content"]) for one in history] == [
        (1, "첫째"),
        (2, "둘째"),
        (3, "둘째"),
    ]


@pytest.mark.parametrize(("vendors", "ours"), [(401, 400), (429, 429), (500, 502)])
def test_a_vendor_that_fails_at_once_is_a_status(
    alice: User, stage: Stage, conversation: int, vendors: int, ours: int
) -> None:
    stage.next(Script(failure=Failure(vendors)))
    answer = ask(alice, conversation)
    assert (answer.status_code, list(answer.json())) == (ours, ["error"])
    assert OWN_KEY not in answer.text


def test_a_vendor_that_breaks_off_midway_is_told_in_the_stream(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(Script(pieces=["반", "쪽"], cut=Cut(after_pieces=1)))
    assert ask(alice, conversation).text == (
        '{"event":"message","data":"반"}\n\n'
        '{"event":"error","data":"The provider broke the answer off."}\n\n'
    )


def test_silence_puts_nothing_between_the_objects(
    other_server: RiniServer, alice: User, stage: Stage
) -> None:
    alice.base_url = httpx.URL(other_server.url)
    stage.next(Script(pieces=["천천", "히"], delay=0.3))
    assert ask(alice, create(alice)).text == (
        '{"event":"message","data":"천천"}\n\n{"event":"message","data":"히"}\n\n'
        '{"event":"done","data":"Stream finished"}\n\n'
        '{"event":"full_response","data":"천천히"}\n\n'
    )


def test_a_reader_who_goes_away_stops_the_vendor_and_the_text_so_far_stays(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(SLOW)
    until(alice, f"/api/chat/{conversation}", {"message": "길게"}, seen="안녕")
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    eventually(lambda: Message.objects.filter(status="stopped", content__startswith="안녕"))
    assert UsageRecord.objects.get().status == "stopped"


def test_a_client_who_goes_before_the_first_word_stops_the_vendor(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(Script(hangs=True))
    give_up(alice, f"/api/chat/{conversation}", {"message": "거기 있어?"})
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    eventually(lambda: not Generation.objects.filter(status="running").exists())


def test_deleting_a_conversation_stops_what_is_being_written_in_it(
    alice: User, stage: Stage, conversation: int
) -> None:
    stage.next(SLOW)
    path, body = f"/api/chat/{conversation}", {"message": "길게"}
    with alice.stream("POST", path, json=body) as answer:
        assert alice.post(f"/api/conversations/del/{conversation}").status_code == 200
        assert '"event":"full_response"' in answer.read().decode()
    assert stage.wait_for_call(model="gpt-4o-mini").wait_closed(5)
    assert not Session.objects.exists()


def test_the_other_dialects_stream_is_no_conversation(alice: User) -> None:
    answer = alice.post("/api/chat/stream", json={"message": "안녕"})
    assert answer.json() == {"detail": "session_id: This field is required."}
