"""Another model answers where the one that was asked does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import httpx
import pytest

from billing.models import Hold, UsageRecord
from providers.breaker import FAILURES
from providers.fitting import with_limit_of
from providers.models import Model
from providers.types import ChatRequest, Target
from rini.storage import valkey
from tests.admin_browser import AdminBrowser
from tests.billing.ledger_world import budget, check_sums
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually, new_session
from tests.conversations.reading import events_of
from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, GPT
from tests.rini_server import RiniServer, free_port
from tests.vendors.script import Cut, Failure, Script, ToolCall
from tests.vendors.stage import Stage

GPT_4O = "openai/gpt-4o"
PIECES = ["비가 ", "와요. ", "傘をお持ちください"]
SAID = "".join(PIECES)
QUOTA = {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}
FILTERED = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
TOO_LONG = {"error": {"code": "context_length_exceeded", "message": "128000 tokens at most"}}
PASSING = {
    "401": Script(failure=Failure(401)),
    "403": Script(failure=Failure(403)),
    "404": Script(failure=Failure(404)),
    "429": Script(failure=Failure(429)),
    "quota": Script(failure=Failure(429, QUOTA)),
    "500": Script(failure=Failure(500)),
    "503": Script(failure=Failure(503)),
    "nothing": Script(raw=b""),
    "garbage": Script(raw=b"<html>"),
}
LASTING = {
    "400": Script(failure=Failure(400)),
    "too long": Script(failure=Failure(400, TOO_LONG)),
    "filtered": Script(failure=Failure(400, FILTERED)),
}
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(autouse=True)
def _closed_breakers() -> Iterator[None]:
    """What vendors did in other tests is forgotten, and no hold is left in the end."""
    client = valkey.client()
    for name in client.scan_iter("breaker:*"):
        client.delete(name)
    yield
    eventually(lambda: not Hold.objects.exists())


@pytest.fixture
def asker(alice: User, stage: Stage) -> User:
    """Alice, with keys for every vendor; all but the first model say the same."""
    add_keys(alice)
    for model in (GPT_4O, CLAUDE, GEMINI):
        stage.always(Script(pieces=PIECES), model=model.partition("/")[2])
    return alice


@pytest.fixture
def operators() -> Iterator[None]:
    """The operator has GPT stood in for by Claude."""
    row = Model.objects.filter(provider="openai", name="gpt-4o-mini")
    row.update(fallbacks=[CLAUDE])
    yield
    row.update(fallbacks=[])


@pytest.fixture(scope="module")
def hasty(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A server whose vendors have two seconds, and where Gemini's address is nobody's."""
    nobody = f"http://127.0.0.1:{free_port()}"
    return start_server(PROVIDER_READ_TIMEOUT="2", GOOGLE_BASE_URL=nobody)


def ask(user: User, *fallbacks: str, at: str = "", **more: Any) -> httpx.Response:
    body = {"model": GPT, "messages": ASK, "fallbacks": list(fallbacks), **more}
    return user.post(f"{at}/v1/chat/completions", json=body)


def asked(stage: Stage) -> list[str | None]:
    return [call.model for call in stage.calls]


def rows() -> list[tuple[str, str]]:
    """The model and the status of each row of the ledger, the oldest first."""
    eventually(lambda: not Hold.objects.exists())
    check_sums()
    return list(UsageRecord.objects.order_by("created_at", "id").values_list("model", "status"))


@each_way
@pytest.mark.parametrize("failure", PASSING)
def test_what_another_model_may_not_have_is_asked_of_it(
    asker: User, stage: Stage, failure: str, stream: bool
) -> None:
    stage.always(PASSING[failure], model="gpt-4o-mini")
    answer = ask(asker, CLAUDE, stream=stream)
    assert answer.status_code == 200, answer.text
    assert "傘をお持ちください" in answer.text
    assert answer.headers["x-rini-model"] == CLAUDE
    assert asked(stage) == ["gpt-4o-mini", "claude-sonnet-4-5"]
    assert rows() == [("gpt-4o-mini", "failed"), ("claude-sonnet-4-5", "completed")]
    if not stream:
        assert answer.json()["model"].startswith("claude")


@each_way
@pytest.mark.parametrize("failure", LASTING)
def test_what_is_wrong_with_the_request_is_said_at_once(
    asker: User, stage: Stage, failure: str, stream: bool
) -> None:
    stage.always(LASTING[failure], model="gpt-4o-mini")
    assert ask(asker, CLAUDE, stream=stream).status_code == 400
    assert asked(stage) == ["gpt-4o-mini"]


@each_way
def test_nobody_else_is_asked_without_fallbacks_or_with_none(
    asker: User, stage: Stage, operators: None, stream: bool
) -> None:
    stage.always(PASSING["500"], model="gpt-4o-mini")
    assert ask(asker, stream=stream).status_code == 502
    stage.always(PASSING["500"], model="gpt-4o")
    body = {"model": GPT_4O, "messages": ASK, "stream": stream}
    assert asker.post("/v1/chat/completions", json=body).status_code == 502
    assert asked(stage) == ["gpt-4o-mini", "gpt-4o"]


@each_way
def test_they_are_asked_in_their_order_and_if_all_fail_the_first_failure_is_told(
    asker: User, stage: Stage, stream: bool
) -> None:
    stage.always(PASSING["429"], model="gpt-4o-mini")
    stage.always(PASSING["500"], model="claude-sonnet-4-5")
    stage.always(LASTING["400"], model="gemini-2.5-flash")
    answer = ask(asker, CLAUDE, GEMINI, GPT, CLAUDE, stream=stream)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert asked(stage) == ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash"]
    assert [status for _, status in rows()] == ["failed"] * 3


def test_a_stream_that_has_said_something_is_nobody_else_s(asker: User, stage: Stage) -> None:
    stage.always(Script(pieces=["처음 "], error_midway={"code": 500}), model="gpt-4o-mini")
    answer = ask(asker, CLAUDE, stream=True)
    assert '"error"' in answer.text
    assert "傘" not in answer.text
    assert answer.headers["x-rini-model"] == GPT
    assert asked(stage) == ["gpt-4o-mini"]


@pytest.mark.parametrize(
    "script",
    [
        Script(pieces=[], error_midway={"code": 503}),
        Script(cut=Cut(after_pieces=0)),
        Script(cut=Cut(after_pieces=0, how="eof")),
    ],
    ids=["error", "broken", "eof"],
)
def test_a_stream_that_has_only_begun_is_not_an_answer(
    asker: User, stage: Stage, script: Script
) -> None:
    stage.always(script, model="gpt-4o-mini")
    body = {"text": "날씨는?", "model": GPT, "fallbacks": [CLAUDE], "stream": True}
    assert SAID in _text(asker.post("/llm/text-completion/", json=body))
    answer = ask(asker, CLAUDE, stream=True)
    assert "傘" in answer.text
    assert answer.text.count('"role"') == 1
    assert answer.headers["x-rini-model"] == CLAUDE


@each_way
def test_a_silent_vendor_has_its_share_of_the_time_and_one_that_is_away_none(
    asker: User, stage: Stage, hasty: RiniServer, stream: bool
) -> None:
    stage.always(Script(hangs=True), model="gpt-4o-mini")
    answer = ask(asker, GEMINI, CLAUDE, at=hasty.url, stream=stream)
    assert answer.headers["x-rini-model"] == CLAUDE, answer.text
    assert asked(stage) == ["gpt-4o-mini", "claude-sonnet-4-5"]
    assert [status for _, status in rows()] == ["failed", "failed", "completed"]


@pytest.mark.parametrize(
    ("fallbacks", "status", "param"),
    [
        ([GPT_4O, "demo/없는-모델"], 404, "fallbacks[1]"),
        (["openai/text-embedding-3-small"], 400, "fallbacks[0]"),
        (GPT_4O, 400, "fallbacks"),
        ([{"model": GPT_4O, "api_base": "http://127.0.0.1"}], 400, "fallbacks"),
        ([""], 400, "fallbacks"),
        ([GPT_4O] * 11, 400, "fallbacks"),
    ],
)
def test_what_is_no_list_of_models_is_refused(
    asker: User, stage: Stage, fallbacks: Any, status: int, param: str
) -> None:
    answer = asker.post(
        "/v1/chat/completions", json={"model": GPT, "messages": ASK, "fallbacks": fallbacks}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text
    assert stage.calls == []


def test_a_token_and_a_missing_key_hold_for_fallbacks_too(
    asker: User, bob: User, stage: Stage, operators: None
) -> None:
    limited = asker.post("/tokens/", json={"name": "하나", "allowed_models": ["openai/*"]}).json()
    headers = {"Authorization": f"Bearer {limited['token']}"}
    body = {"model": GPT, "messages": ASK}
    named = asker.post(
        "/v1/chat/completions", json={**body, "fallbacks": [CLAUDE]}, headers=headers
    )
    assert named.status_code == 403
    assert stage.calls == []
    stage.always(PASSING["500"], model="gpt-4o-mini")
    assert asker.post("/v1/chat/completions", json=body, headers=headers).status_code == 502
    bob.post("/api-keys/", json={"model_provider": "openai", "api_key_value": "sk-of-bob-12345"})
    assert bob.post("/v1/chat/completions", json=body).status_code == 502
    assert asked(stage) == ["gpt-4o-mini"] * 2


def test_each_attempt_has_a_hold_that_its_budget_allows(asker: User, stage: Stage) -> None:
    """GPT-4o mini fits with its 16,384 tokens, GPT-4o and Claude do not."""
    budget("user", UUID(asker.user_id), 2 * 10**7)
    stage.always(PASSING["500"], model="gpt-4o-mini")
    assert ask(asker, GPT_4O, CLAUDE).status_code == 502
    assert asked(stage) == ["gpt-4o-mini"]
    assert ask(asker, GPT_4O, max_tokens=20).headers["x-rini-model"] == GPT_4O


@each_way
def test_the_operator_s_hold_for_who_names_none(
    asker: User, stage: Stage, operators: None, stream: bool
) -> None:
    stage.always(PASSING["503"], model="gpt-4o-mini")
    body = {"model": GPT, "messages": ASK, "stream": stream}
    answer = asker.post("/v1/chat/completions", json=body)
    assert answer.headers["x-rini-model"] == CLAUDE
    whole = {"text": "날씨는?", "provider": "openai", "model": "gpt-4o-mini", "stream": stream}
    assert SAID in _text(asker.post("/llm/text-completion/", json=whole))


@each_way
def test_a_message_says_who_wrote_it(asker: User, stage: Stage, stream: bool) -> None:
    stage.always(PASSING["500"], model="gpt-4o-mini")
    session = new_session(asker)
    body = {"text": "天气怎么样？", "model": GPT, "fallbacks": [CLAUDE], "session_id": session}
    answer = asker.post("/llm/text-completion/", json={**body, "stream": stream})
    assert SAID in _text(answer)
    message = asker.get(f"/sessions/{session}/messages/").json()[-1]
    assert (message["provider"], message["status"]) == ("anthropic", "complete")
    assert message["model_used"].startswith("claude")
    assert rows() == [("gpt-4o-mini", "failed"), ("claude-sonnet-4-5", "completed")]
    assert UsageRecord.objects.filter(message_id=message["id"]).count() == 2


@pytest.mark.parametrize("second", [Script(pieces=["정오입니다."]), PASSING["500"]])
def test_who_has_begun_an_answer_with_tools_goes_on_with_it(
    asker: User, stage: Stage, second: Script
) -> None:
    stage.always(PASSING["500"], model="gpt-4o-mini")
    clock = ToolCall("toolu_1", "current_time", '{"timezone": "Asia/Seoul"}')
    calling = Script(pieces=[], tool_calls=[clock], finish="tool_calls")
    stage.next(calling, second, model="claude-sonnet-4-5")
    params = {"tools": ["current_time"], "llm_params": {"max_completion_tokens": 99}}
    body = {"text": "몇 시야?", "model": GPT, "fallbacks": [CLAUDE, GPT_4O], **params}
    answer = asker.post("/llm/text-completion/", json={**body, "session_id": new_session(asker)})
    assert asked(stage) == ["gpt-4o-mini", "claude-sonnet-4-5", "claude-sonnet-4-5"]
    assert stage.calls[-1].body["max_tokens"] == 99
    if second.failure:
        assert (answer.status_code, answer.json()["code"]) == (502, "provider_failed")
    else:
        assert answer.json()["response_text"] == "정오입니다."


@each_way
def test_an_answer_that_is_not_stored_says_it_too(asker: User, stage: Stage, stream: bool) -> None:
    stage.always(PASSING["500"], model="gpt-4o-mini")
    body = {"messages": ASK, "model": GPT, "fallbacks": [CLAUDE], "stream": stream}
    answer = asker.post("/llm/chat-completions/", json=body)
    assert SAID in _text(answer)
    if stream:
        assert events_of(answer)[-1].data["message"]["provider"] == "anthropic"
    else:
        assert answer.headers["x-rini-model"] == CLAUDE


@each_way
@pytest.mark.parametrize(("model", "other"), [(CLAUDE, GPT_4O), (GEMINI, CLAUDE)])
def test_anthropic_s_clients_get_another_vendor_s_answer(
    asker: User, stage: Stage, stream: bool, model: str, other: str
) -> None:
    stage.always(PASSING["503"], model=model.partition("/")[2])
    body = {"model": model, "messages": ASK, "max_tokens": 99, "fallbacks": [other]}
    answer = asker.post("/v1/messages", json={**body, "stream": stream})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-rini-model"] == other
    assert "fallbacks" not in stage.calls[-1].body
    if stream:
        assert "message_stop" in answer.text
    else:
        assert answer.json()["content"][0]["text"] == SAID
        assert answer.json()["model"] == (other if other == GPT_4O else "claude-sonnet-4-5")


@each_way
@pytest.mark.parametrize("store", [False, True], ids=["passing", "stored"])
def test_responses_come_from_another_model(
    asker: User, stage: Stage, stream: bool, store: bool
) -> None:
    stage.always(PASSING["503"], model="gpt-4o-mini")
    body = {"model": GPT, "input": "天気は？", "fallbacks": [CLAUDE], "max_output_tokens": 99}
    answer = asker.post("/v1/responses", json={**body, "stream": stream, "store": store})
    assert answer.status_code == 200, answer.text
    assert "傘" in answer.text
    assert stage.calls[-1].body["max_tokens"] == 99
    if not stream:
        assert answer.json()["model"] == CLAUDE


def test_a_limit_has_the_name_that_the_vendor_knows() -> None:
    request = ChatRequest(ASK, {"max_completion_tokens": 9, "temperature": 0})
    deepseek = Target("deepseek", "openai", "deepseek-chat", "https://d.test/v1")
    assert with_limit_of(deepseek, request).params == {"max_tokens": 9, "temperature": 0}
    openai = Target("openai", "openai", "gpt-4o", "https://o.test/v1")
    assert with_limit_of(openai, request) is request


@pytest.mark.parametrize("failure", ["401", "403", "429", "quota"])
def test_a_vendor_that_has_just_failed_is_passed_over_by_every_process(
    asker: User, stage: Stage, hasty: RiniServer, failure: str
) -> None:
    stage.always(PASSING[failure], model="gpt-4o-mini")
    ask(asker, CLAUDE)
    stage.calls.clear()
    for at in ("", hasty.url):
        assert ask(asker, CLAUDE, at=at).headers["x-rini-model"] == CLAUDE
    assert asked(stage) == ["claude-sonnet-4-5"] * 2
    assert ask(asker, at="").status_code != 200  # nobody else to ask


def test_a_limit_of_one_model_says_nothing_of_another_but_a_refused_key_does(
    asker: User, stage: Stage
) -> None:
    stage.always(PASSING["429"], model="gpt-4o-mini")
    assert ask(asker, GPT_4O).headers["x-rini-model"] == GPT_4O
    assert ask(asker, GPT_4O).headers["x-rini-model"] == GPT_4O
    stage.always(PASSING["401"], model="gpt-4o-mini")
    ask(asker)
    assert ask(asker, GPT_4O, CLAUDE).headers["x-rini-model"] == CLAUDE


def test_another_key_is_another_vendor(asker: User, stage: Stage) -> None:
    stage.always(PASSING["401"], model="gpt-4o-mini")
    ask(asker, CLAUDE)
    stage.always(Script(pieces=PIECES), model="gpt-4o-mini")
    assert ask(asker, CLAUDE).headers["x-rini-model"] == CLAUDE
    key = {"model_provider": "openai", "api_key_value": "sk-alice-has-a-new-one"}
    asker.post("/api-keys/", json=key).raise_for_status()
    assert ask(asker, CLAUDE).headers["x-rini-model"] == GPT


def test_only_several_failures_count_and_a_good_answer_ends_them(asker: User, stage: Stage) -> None:
    stage.always(Script(pieces=PIECES), model="gpt-4o-mini")
    for script in [*[PASSING["500"]] * (FAILURES - 1), Script(), PASSING["500"]]:
        stage.next(script, model="gpt-4o-mini")
        ask(asker, CLAUDE)
    assert ask(asker, CLAUDE).headers["x-rini-model"] == GPT
    for _ in range(FAILURES):
        stage.next(PASSING["500"], model="gpt-4o-mini")
        ask(asker, CLAUDE)
    assert ask(asker, CLAUDE).headers["x-rini-model"] == CLAUDE


def test_if_all_have_just_failed_the_first_is_asked_anyway(asker: User, stage: Stage) -> None:
    for model in ("gpt-4o-mini", "claude-sonnet-4-5"):
        stage.always(PASSING["429"], model=model)
    assert ask(asker, CLAUDE).status_code == 429
    stage.always(Script(pieces=PIECES), model="gpt-4o-mini")
    stage.calls.clear()
    assert ask(asker, CLAUDE).headers["x-rini-model"] == GPT
    assert ask(asker, CLAUDE).headers["x-rini-model"] == GPT  # it has answered: its breaker closed
    assert asked(stage) == ["gpt-4o-mini"] * 2


def test_without_valkey_a_process_goes_by_what_it_has_seen(
    asker: User, stage: Stage, start_server: Callable[..., RiniServer]
) -> None:
    alone = start_server(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    stage.always(PASSING["429"], model="gpt-4o-mini")
    for _ in range(2):
        assert ask(asker, CLAUDE, at=alone.url).headers["x-rini-model"] == CLAUDE
    assert asked(stage) == ["gpt-4o-mini", "claude-sonnet-4-5", "claude-sonnet-4-5"]


def _text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    if "text/event-stream" not in answer.headers["content-type"]:
        return str(answer.json()["response_text"])
    return str(events_of(answer)[-1].data["message"]["content"])


def test_the_operator_sets_them_in_the_administration(server: RiniServer, olga: User) -> None:
    row = Model.objects.get(provider="openai", name="gpt-4o-mini")
    page = f"providers/model/{row.pk}/change/"
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as admin:
        form = {
            "provider": "openai",
            "name": row.name,
            "kind": "chat",
            "context_window": str(row.context_window),
            "max_output_tokens": str(row.max_output_tokens),
            "vision": "on",
            "tools": "on",
            "enabled": "on",
        }
        wrong = admin.submit(page, {**form, "fallbacks": f"{CLAUDE},없는/모델"})
        assert wrong.status_code == 200
        assert "없는/모델" in wrong.text
        assert admin.submit(page, {**form, "fallbacks": f"{CLAUDE}, {GEMINI}"}).status_code == 302
        row.refresh_from_db()
        assert (row.fallbacks, row.edited) == ([CLAUDE, GEMINI], False)
        assert admin.submit(page, {**form, "fallbacks": ""}).status_code == 302
        row.refresh_from_db()
        assert row.fallbacks == []
