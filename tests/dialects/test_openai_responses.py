"""OpenAI's Responses API by its official client, with models of several vendors."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest

from billing.models import UsageRecord
from conversations.models import Generation, Message, Session
from tests.billing.ledger_world import budget
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.dialects.openai_client import CLAUDE, GEMINI, GPT, alices, client_of
from tests.vendors.script import Cut, Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

__all__ = ["alices"]
EACH = pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
PIECES = ["비가 ", "와요. ", "傘を", "お持ちください ☔\u2028끝"]
SLOW = Script(pieces=["조각 "] * 100, delay=0.05)
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "도시의 날씨",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
CALLS = [
    ToolCall("call_1", "weather", '{"city": "서울"}'),
    ToolCall("call_2", "weather", '{"city": "東京"}'),
]


def told(stage: Stage, count: int = 1) -> str:
    return json.dumps(stage.wait_for_call(count).body, ensure_ascii=False)


@EACH
def test_it_answers_and_is_a_session(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9, cached=4)))
    answer = alices.responses.create(
        model=model, input="오늘 날씨 어때?", instructions="짧게 답해.", metadata={"누구": "나"}
    )
    assert answer.output_text == "".join(PIECES)
    assert (answer.status, answer.metadata) == ("completed", {"누구": "나"})
    assert answer.usage
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (21, 9)
    assert answer.usage.input_tokens_details.cached_tokens == 4
    assert "짧게 답해." in told(stage)
    question, said = Message.objects.order_by("id")
    assert (question.content, said.content) == ("오늘 날씨 어때?", "".join(PIECES))
    assert Session.objects.get().active_message == said
    assert UsageRecord.objects.get().message_id == said.pk
    assert alices.responses.retrieve(answer.id).to_dict() == answer.to_dict()
    [item] = alices.responses.input_items.list(answer.id).data
    assert item.to_dict()["content"] == [{"type": "input_text", "text": "오늘 날씨 어때?"}]


@EACH
@pytest.mark.parametrize("store", [True, False])
def test_it_streams(alices: openai.OpenAI, stage: Stage, model: str, store: bool) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    with alices.responses.stream(model=model, input="날씨?", store=store) as stream:
        events = list(stream)
        last = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(texts) == "".join(PIECES) == last.output_text
    assert last.usage
    assert last.usage.output_tokens == 9
    assert Message.objects.count() == (2 if store else 0)


@EACH
def test_a_later_response_follows_its_predecessor_or_branches_off(
    alices: openai.OpenAI, stage: Stage, model: str
) -> None:
    stage.next(*(Script(pieces=[piece]) for piece in ("하나", "둘", "셋")))
    first = alices.responses.create(model=model, input="첫째", instructions="한 번만")
    second = alices.responses.create(model=model, input="둘째", previous_response_id=first.id)
    body = told(stage, 2)
    assert body.index("첫째") < body.index("하나") < body.index("둘째")
    assert "한 번만" not in body
    other = alices.responses.create(model=model, input="딴길", previous_response_id=first.id)
    assert "둘째" not in told(stage, 3)
    assert (second.previous_response_id, other.previous_response_id) == (first.id, first.id)
    roots = Message.objects.filter(parent_message=None)
    assert roots.count() == Session.objects.count() == 1
    assert Message.objects.get(content="하나").answers.count() == 2


@EACH
@pytest.mark.parametrize("store", [True, False])
def test_calls_and_their_results_go_there_and_back(
    alices: openai.OpenAI, stage: Stage, model: str, store: bool
) -> None:
    thinks = model == CLAUDE
    reasoning = ["생각 "] if thinks else []
    stage.next(
        Script(["볼게요."], reasoning=reasoning, tool_calls=CALLS, finish="tool_calls"),
        Script(PIECES),
    )
    asked: Any = {"model": model, "tools": [WEATHER], "store": store}
    if thinks:
        asked["reasoning"] = {"effort": "low"}
    first = alices.responses.create(**asked, input="어때?", tool_choice="required")
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)["city"]) for call in calls] == [
        ("weather", "서울"),
        ("weather", "東京"),
    ]
    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{i}도"}
        for i, call in enumerate(calls)
    ]
    if store:
        answer = alices.responses.create(**asked, input=results, previous_response_id=first.id)
    else:
        items = [item.to_dict() for item in first.output]
        answer = alices.responses.create(
            **asked, input=[{"role": "user", "content": "어때?"}, *items, *results]
        )
    assert answer.output_text == "".join(PIECES)
    body = told(stage, 2)
    assert body.index("서울") < body.index("東京") < body.index("0도") < body.index("1도")
    if thinks:
        assert '"signature"' in body  # without it Claude takes no thoughts back
    if store:
        assert [m.role for m in Message.objects.order_by("id")] == [
            *("user", "assistant", "tool", "assistant")
        ]


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_what_gemini_wants_back_with_its_calls_comes_back(
    alices: openai.OpenAI, stage: Stage, store: bool, stream: bool
) -> None:
    function = {"name": "weather", "args": {"city": "서울"}}
    part = {"functionCall": function, "thoughtSignature": "c2lnbmF0dXJl"}
    said = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
    raw = json.dumps(said).encode()
    kind = "text/event-stream" if stream or store else "application/json"
    stage.next(Script(raw=b"data: " + raw + b"\n\n" if stream or store else raw, content_type=kind))
    asked: Any = {"model": GEMINI, "tools": [WEATHER], "store": store}
    if stream:
        with alices.responses.stream(**asked, input="어때?") as streamed:
            first = streamed.until_done().get_final_response()
    else:
        first = alices.responses.create(**asked, input="어때?")
    [call] = [item for item in first.output if item.type == "function_call"]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "맑음"}
    if store:
        alices.responses.create(**asked, input=[result], previous_response_id=first.id)
    else:
        items: list[Any] = [item.to_dict() for item in first.output]
        alices.responses.create(
            **asked, input=[{"role": "user", "content": "어때?"}, *items, result]
        )
    assert "c2lnbmF0dXJl" in told(stage, 2)


@EACH
def test_a_streamed_call_comes_piece_by_piece(
    alices: openai.OpenAI, stage: Stage, model: str
) -> None:
    stage.next(Script([], tool_calls=CALLS, finish="tool_calls"))
    with alices.responses.stream(model=model, input="어때?", tools=[WEATHER]) as stream:
        events = list(stream)
        last = stream.get_final_response()
    deltas: dict[str, str] = {}
    for event in events:
        if event.type == "response.function_call_arguments.delta":
            deltas[event.item_id] = deltas.get(event.item_id, "") + event.delta
    calls = [item for item in last.output if item.type == "function_call"]
    assert [json.loads(deltas[str(call.id)]) for call in calls] == [
        {"city": "서울"},
        {"city": "東京"},
    ]


def test_custom_tools_and_namespaces_are_functions_for_the_model(
    alices: openai.OpenAI, stage: Stage
) -> None:
    patch: Any = {"type": "custom", "name": "apply_patch", "description": "고치기"}
    grouped: Any = {"type": "namespace", "name": "crm", "description": "", "tools": [WEATHER]}
    calls = [
        ToolCall("call_1", "apply_patch", json.dumps({"input": "*** 시작\n끝"})),
        ToolCall("call_2", "crm__weather", "{}"),
    ]
    stage.next(Script([], tool_calls=calls, finish="tool_calls"), Script(PIECES))
    asked: Any = {"model": GPT, "tools": [patch, grouped]}
    with alices.responses.stream(**asked, input="고쳐 줘") as stream:
        first = stream.until_done().get_final_response()
    custom, function = (item.to_dict() for item in first.output)
    assert (custom["type"], custom["input"]) == ("custom_tool_call", "*** 시작\n끝")
    assert (function["name"], function["namespace"]) == ("weather", "crm")
    results: list[Any] = [
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "됐다"},
        {"type": "function_call_output", "call_id": "call_2", "output": "맑음"},
    ]
    alices.responses.create(**asked, input=results, previous_response_id=first.id)
    said, *_ = (m for m in stage.wait_for_call(2).body["messages"] if m["role"] == "assistant")
    assert [call["function"]["name"] for call in said["tool_calls"]] == [
        "apply_patch",
        "crm__weather",
    ]


@EACH
def test_an_answer_in_a_schema_is_read_by_the_client(
    alices: openai.OpenAI, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=['{"city": ', '"서울"}']))
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    format_: Any = {"type": "json_schema", "name": "place", "schema": schema, "strict": True}
    answer = alices.responses.create(model=model, input="어디?", text={"format": format_})
    assert json.loads(answer.output_text) == {"city": "서울"}
    assert '"city"' in told(stage)


def test_pictures_go_to_the_model_and_those_of_results_behind_them(
    alices: openai.OpenAI, stage: Stage
) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    image: Any = {"type": "input_image", "image_url": picture, "detail": "low"}
    items: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "이건?"}, image]},
        {"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": [image]},
        {"type": "function_call_output", "call_id": "b", "output": "글"},
    ]
    alices.responses.create(model=GPT, input=items, store=False)
    messages = stage.wait_for_call().body["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool", "user"]
    assert messages[0]["content"][1]["image_url"] == {"url": picture, "detail": "low"}
    assert messages[4]["content"][0]["image_url"]["url"] == picture


def test_a_format_that_is_null_is_the_usual_one(alices: openai.OpenAI, stage: Stage) -> None:
    nothing: Any = {"text": {"format": None}, "reasoning": {"effort": None}}
    assert alices.responses.create(model=GPT, input="말", **nothing).status == "completed"


def test_what_was_refused_before_is_told_to_the_model(alices: openai.OpenAI, stage: Stage) -> None:
    refused: Any = {"role": "assistant", "content": [{"type": "refusal", "refusal": "못 해요"}]}
    items: list[Any] = [{"role": "user", "content": "해 줘"}, refused]
    alices.responses.create(model=GPT, input=[*items, {"role": "user", "content": "왜?"}])
    assert "못 해요" in told(stage)


# -- in the background ----------------------------------------------------------------------------


def test_a_response_in_the_background_is_read_on_from_where_its_reader_left(
    alices: openai.OpenAI, stage: Stage, start_server: Any, alice: User
) -> None:
    stage.next(Script(pieces=["조각 "] * 20, delay=0.05))
    seen: list[Any] = []
    for event in alices.responses.create(model=GPT, input="길게", background=True, stream=True):
        seen.append(event)
        if len(seen) == 8:
            break
    elsewhere = start_server()
    alice.base_url = httpx.URL(elsewhere.url)
    again = client_of(alice).responses.retrieve(
        seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    seen += again
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    texts = [event.delta for event in seen if event.type == "response.output_text.delta"]
    assert "".join(texts) == "조각 " * 20 == seen[-1].response.output_text
    assert seen[-1].type == "response.completed"


def test_a_response_in_the_background_is_asked_for_and_cancelled(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = alices.responses.create(model=GPT, input="길게", background=True)
    assert (begun.status, begun.output) == ("in_progress", [])
    stage.wait_for_call()
    cancelled = alices.responses.cancel(begun.id)
    assert cancelled.status == "cancelled"
    assert alices.responses.retrieve(begun.id).status == "cancelled"
    assert stage.wait_for_call().wait_closed(5)


def test_nothing_follows_a_response_that_is_still_being_written(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = alices.responses.create(model=GPT, input="길게", background=True)
    with pytest.raises(openai.BadRequestError):
        alices.responses.create(model=GPT, input="그래서?", previous_response_id=begun.id)
    alices.responses.cancel(begun.id)
    assert alices.responses.create(
        model=GPT, input="그래서?", previous_response_id=begun.id
    ).previous_response_id


def test_responses_that_come_at_once_to_a_conversation_stand_on_one_thread(
    alices: openai.OpenAI, stage: Stage
) -> None:
    conversation = alices.conversations.create().id
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda n: alices.responses.create(
                    model=GPT, input=f"{n}번", conversation=conversation
                ),
                range(8),
            )
        )
    parents = [m.parent_message_id for m in Message.objects.all()]
    assert len(parents) == len(set(parents)) == 16


def test_a_response_that_is_deleted_while_another_follows_it_breaks_nothing(
    alices: openai.OpenAI, stage: Stage
) -> None:
    for _ in range(5):
        first = alices.responses.create(model=GPT, input="첫째")

        def follow(previous: str = first.id) -> int:
            try:
                alices.responses.create(model=GPT, input="둘째", previous_response_id=previous)
            except openai.APIStatusError as error:
                return error.status_code
            return 200

        with ThreadPoolExecutor(2) as threads:
            status = threads.submit(follow)
            threads.submit(alices.responses.delete, first.id).result()
        assert status.result() in {200, 400}


def test_only_what_runs_in_the_background_is_cancelled(alices: openai.OpenAI, stage: Stage) -> None:
    answer = alices.responses.create(model=GPT, input="말")
    with pytest.raises(openai.BadRequestError):
        alices.responses.cancel(answer.id)


@pytest.mark.parametrize("store", [True, False])
def test_a_reader_that_leaves_stops_the_vendor(
    alices: openai.OpenAI, stage: Stage, store: bool
) -> None:
    stage.next(SLOW)
    with alices.responses.create(model=GPT, input="길게", stream=True, store=store) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break
    assert stage.wait_for_call().wait_closed(5)
    row = eventually(UsageRecord.objects.first)
    assert row.status == "stopped"


# -- conversations --------------------------------------------------------------------------------


def test_responses_of_a_conversation_stand_on_one_thread(
    alices: openai.OpenAI, stage: Stage
) -> None:
    item: Any = {"type": "message", "role": "user", "content": "나는 수아야"}
    conversation = alices.conversations.create(metadata={"주제": "이름"}, items=[item])
    stage.next(Script(pieces=["수아!"]), Script(pieces=["또 수아"]))
    first = alices.responses.create(model=GPT, input="내 이름은?", conversation=conversation.id)
    alices.responses.create(model=GPT, input="다시?", conversation={"id": conversation.id})
    assert first.conversation
    assert first.conversation.id == conversation.id
    body = told(stage, 2)
    assert body.index("나는 수아야") < body.index("내 이름은?") < body.index("수아!")
    listed = list(alices.conversations.items.list(conversation.id, order="asc", limit=2))
    texts = ["나는 수아야", "내 이름은?", "수아!", "다시?", "또 수아"]
    assert [item.to_dict()["content"][0]["text"] for item in listed] == texts  # type: ignore[index]
    one = alices.conversations.items.retrieve(listed[2].id or "", conversation_id=conversation.id)
    assert one.to_dict() == listed[2].to_dict()
    changed = alices.conversations.update(conversation.id, metadata={"주제": "다른"})
    assert alices.conversations.retrieve(conversation.id).metadata == changed.metadata
    alices.conversations.delete(conversation.id)
    assert not Session.objects.exists()
    with pytest.raises(openai.NotFoundError):
        alices.responses.retrieve(first.id)


def test_a_native_session_is_a_conversation(
    alices: openai.OpenAI, alice: User, stage: Stage
) -> None:
    session = alice.post("/sessions/", json={}).json()["id"]
    body = {"text": "먼저", "session_id": session, "provider": "openai", "model": "gpt-4o-mini"}
    stage.next(Script(pieces=["네"]), Script(pieces=["그럼요"]), Script(pieces=["끝"]))
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    name = f"conv_{session.replace('-', '')}"
    alices.responses.create(model=GPT, input="이어서", conversation=name)
    assert [m["content"] for m in stage.wait_for_call(2).body["messages"]] == [
        *("먼저", "네", "이어서")
    ]
    assert alice.post("/llm/text-completion/", json={**body, "text": "또"}).status_code == 200
    assert "그럼요" in told(stage, 3)


# -- deleting -------------------------------------------------------------------------------------


def test_a_deleted_response_is_gone_and_what_stands_on_it_goes_on(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(*(Script(pieces=[piece]) for piece in ("하나", "둘", "셋")))
    first = alices.responses.create(model=GPT, input="첫째")
    second = alices.responses.create(model=GPT, input="둘째", previous_response_id=first.id)
    alices.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        alices.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        alices.responses.create(model=GPT, input="셋째", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"
    alices.responses.create(model=GPT, input="셋째", previous_response_id=second.id)
    assert "첫째" in told(stage, 3)


def test_the_last_response_takes_what_was_deleted_above_it_along(
    alices: openai.OpenAI, stage: Stage
) -> None:
    first = alices.responses.create(model=GPT, input="첫째")
    second = alices.responses.create(model=GPT, input="둘째", previous_response_id=first.id)
    alices.responses.delete(first.id)
    assert Message.objects.count() == 4
    alices.responses.delete(second.id)
    assert not Message.objects.exists()
    assert not Session.objects.exists()


def test_a_response_that_is_being_written_is_stopped_when_it_is_deleted(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(SLOW)
    begun = alices.responses.create(model=GPT, input="길게", background=True)
    call = stage.wait_for_call()
    alices.responses.delete(begun.id)
    assert call.wait_closed(5)
    assert not Message.objects.exists()


# -- whose it is ----------------------------------------------------------------------------------


def test_nobody_else_reads_continues_cancels_or_deletes_a_response(
    alices: openai.OpenAI, bob: User, stage: Stage
) -> None:
    add_keys(bob)
    answer = alices.responses.create(model=GPT, input="비밀", background=True)
    conversation = alices.conversations.create()
    theirs = client_of(bob)
    for ask in (
        lambda: theirs.responses.retrieve(answer.id),
        lambda: theirs.responses.retrieve(answer.id, stream=True),
        lambda: theirs.responses.input_items.list(answer.id),
        lambda: theirs.responses.cancel(answer.id),
        lambda: theirs.responses.delete(answer.id),
        lambda: theirs.conversations.retrieve(conversation.id),
        lambda: theirs.conversations.update(conversation.id, metadata={}),
        lambda: theirs.conversations.items.list(conversation.id),
        lambda: theirs.conversations.items.retrieve("msg_1", conversation_id=conversation.id),
        lambda: theirs.conversations.delete(conversation.id),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
    for store in (True, False):
        for place in ({"previous_response_id": answer.id}, {"conversation": conversation.id}):
            with pytest.raises(openai.BadRequestError):
                theirs.responses.create(model=GPT, input="뭐였지?", store=store, **place)  # type: ignore[call-overload]
    assert Generation.objects.count() == 1


def test_a_hard_budget_refuses_before_the_vendor_is_asked(
    alices: openai.OpenAI, alice: User, stage: Stage
) -> None:
    budget("user", UUID(alice.user_id), 1)
    for store in (True, False):
        with pytest.raises(openai.APIStatusError) as refused:
            alices.responses.create(model=GPT, input="말", store=store)
        assert refused.value.status_code == 402
    assert not stage.calls


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize(("vendors", "ours"), [(429, 429), (500, 502), (401, 400)])
def test_a_vendor_that_fails_at_once_is_a_status(
    alices: openai.OpenAI, stage: Stage, store: bool, stream: bool, vendors: int, ours: int
) -> None:
    stage.next(Script(failure=Failure(vendors)))
    with pytest.raises(openai.APIStatusError) as refused:
        alices.responses.create(model=GPT, input="말", store=store, stream=stream)
    assert refused.value.status_code == ours


@pytest.mark.parametrize("store", [True, False])
def test_a_stream_that_is_cut_ends_as_failed(
    alices: openai.OpenAI, stage: Stage, store: bool
) -> None:
    stage.next(Script(pieces=["반", "쪽"], cut=Cut(after_pieces=1)))
    events = list(alices.responses.create(model=GPT, input="말", stream=True, store=store))
    last: Any = events[-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert last.response.error
    assert last.response.output_text == "반"


@pytest.mark.parametrize("store", [True, False])
def test_an_answer_that_is_too_long_says_so(
    alices: openai.OpenAI, stage: Stage, store: bool
) -> None:
    stage.next(Script(pieces=["길다"], finish="length"))
    answer = alices.responses.create(model=GPT, input="말", max_output_tokens=16, store=store)
    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": []}, "input"),
        ({"input": 3}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, None),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"previous_response_id": "resp_" + "0" * 32, "conversation": "conv_1"}, "conversation"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"background": True, "store": False}, "background"),
        ({"truncation": "middle"}, "truncation"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"stream": "yes"}, "stream"),
        ({"service_tier": []}, "service_tier"),
        ({"temperature": "warm"}, "temperature"),
        ({"text": {"verbosity": []}}, "text.verbosity"),
        ({"reasoning": {"effort": {}}}, "reasoning.effort"),
        ({"tool_choice": {"type": []}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "tools": ["a"]}}, "tool_choice.tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools", "tools": [], "mode": []}}, "tool_choice.mode"),
        (
            {
                "input": [
                    {
                        "type": "function_call",
                        "call_id": "a",
                        "name": "b",
                        "arguments": "{}",
                        "namespace": 3,
                    }
                ]
            },
            "input[0].namespace",
        ),
    ],
)
def test_what_is_not_served_is_refused_by_its_name(
    alice: User, stage: Stage, body: dict[str, Any], field: str | None
) -> None:
    add_keys(alice)
    answer = alice.post("/v1/responses", json={"model": GPT, "input": "말", **body})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert field is None or error["param"] == field, error
    assert not stage.calls
    assert not Generation.objects.exists()


def test_what_does_not_fit_is_cut_off_at_its_beginning_where_that_is_asked_for(
    alices: openai.OpenAI, stage: Stage
) -> None:
    turns: list[Any] = []
    for i in range(60):
        turns += [
            {"role": "user", "content": f"{i}번째 질문 " + "길다 " * 3000},
            {"role": "assistant", "content": f"{i}번째 답"},
        ]
    last: Any = {"role": "user", "content": "마지막"}
    alices.responses.create(model=GPT, input=[*turns, last], truncation="auto", store=False)
    messages = stage.wait_for_call().body["messages"]
    assert 1 < len(messages) < len(turns)
    assert messages[0]["role"] == "user"
    assert messages[-1]["content"] == "마지막"


def test_tokens_are_counted_without_the_vendor(alices: openai.OpenAI, stage: Stage) -> None:
    few = alices.responses.input_tokens.count(model=GPT, input="말").input_tokens
    many = alices.responses.input_tokens.count(model=GPT, input="말 " * 100).input_tokens
    assert 0 < few < many
    assert not stage.calls


@EACH
def test_a_conversation_is_compacted_and_goes_on(
    alices: openai.OpenAI, stage: Stage, model: str
) -> None:
    call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "맑음"}
    said: Any = [
        {"role": "user", "content": "서울 날씨는?"},
        call,
        result,
        {"role": "assistant", "content": "맑아요. " * 50},
        {"role": "user", "content": "東京は？"},
    ]
    stage.next(Script(pieces=["서울은 ", "맑다."], usage=Tokens(input=90, output=5)))
    compacted = alices.responses.compact(model=model, input=said, extra_body={"tools": [WEATHER]})
    assert compacted.object == "response.compaction"
    assert (compacted.usage.input_tokens, compacted.usage.output_tokens) == (90, 5)
    again: Any = [one.to_dict() for one in compacted.output]
    *users, item = again
    texts = [part["text"] for user in users for part in user["content"]]
    assert texts == ["서울 날씨는?", "東京は？"]
    assert item["type"] == "compaction"
    assert UsageRecord.objects.get().purpose == "summary"
    assert not Message.objects.exists()
    question: Any = {"role": "user", "content": "또?"}
    answer = alices.responses.create(model=model, input=[*again, question])
    assert answer.status == "completed"
    assert "서울은 맑다." in told(stage, 2)
    assert "맑아요." not in told(stage, 2)
    stage.next(Script(pieces=["전부"]))
    whole = alices.responses.compact(model=model, previous_response_id=answer.id)
    assert [one.type for one in whole.output] == ["message"] * 3 + ["compaction"]


def test_what_cannot_be_compacted_is_refused_by_name(alices: openai.OpenAI, stage: Stage) -> None:
    for field, wrong in (
        ("input", {}),
        ("stream", {"input": "a", "stream": True}),
        ("input[0].encrypted_content", {"input": [{"type": "compaction"}]}),
        (
            "input[0].encrypted_content",
            {"input": [{"type": "compaction", "encrypted_content": "rini-compaction:가"}]},
        ),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            alices.responses.compact(model=GPT, extra_body=wrong)
        assert refused.value.param == field
    stage.next(Script(pieces=[]))
    with pytest.raises(openai.APIStatusError):
        alices.responses.compact(model=GPT, input="안녕")


def test_encrypted_content_of_somebody_else_is_read_past(
    alices: openai.OpenAI, stage: Stage
) -> None:
    for content in ("gAAAAA…", "rini:가", "rini:AAAA", "rini:W10="):
        thought: Any = {"type": "reasoning", "summary": [], "encrypted_content": content}
        question: Any = {"role": "user", "content": "?"}
        answer = alices.responses.create(model=GPT, input=[thought, question])
        assert answer.status == "completed"
