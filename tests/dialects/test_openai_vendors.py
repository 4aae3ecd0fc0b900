"""An OpenAI client and models of vendors that speak formats of their own."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, OTHERS, alices, ledger_row
from tests.vendors.script import Cut, Script, Tokens, ToolCall
from tests.vendors.stage import Stage

__all__ = ["alices"]
PIECES = ["비가 ", "와요. ", "傘を", "お持ちください ☔"]
PICTURE = "iVBORw0KGgo="
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "도시의 날씨",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALLS = [
    ToolCall("toolu_1", "weather", '{"city": "서울"}'),
    ToolCall("toolu_2", "weather", '{"city": "東京"}'),
]


@OTHERS
def test_it_answers(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    messages: list[Any] = [{"role": "system", "content": "짧게 답해."}, *ASK]
    answer = alices.chat.completions.create(model=model, messages=messages, temperature=0.5)
    assert answer.choices[0].message.content == "".join(PIECES)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (21, 9)
    body = stage.wait_for_call().body
    if model == CLAUDE:
        assert "짧게 답해." in str(body["system"])
        assert [turn["role"] for turn in body["messages"]] == ["user"]
        assert body["temperature"] == 0.5
    else:
        assert body["systemInstruction"]["parts"] == [{"text": "짧게 답해."}]
        assert [turn["role"] for turn in body["contents"]] == ["user"]
        assert body["generationConfig"]["temperature"] == 0.5
    row = ledger_row()
    assert (row.input_tokens, row.output_tokens, row.usage_source) == (21, 9, "vendor")
    assert row.cost_nano


@OTHERS
def test_it_streams(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    stream = alices.chat.completions.create(
        model=model, messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "".join(PIECES)
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert not any(chunk.usage for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (21, 9)
    row = ledger_row()
    assert (row.input_tokens, row.output_tokens, row.status) == (21, 9, "completed")


@OTHERS
@pytest.mark.parametrize("stream", [False, True])
def test_it_calls_tools_side_by_side(
    alices: openai.OpenAI, stage: Stage, model: str, stream: bool
) -> None:
    stage.next(Script(pieces=[], tool_calls=CALLS, finish="tool_calls"))
    ask: dict[str, Any] = {"model": model, "messages": ASK, "tools": [WEATHER]}
    if stream:
        with alices.chat.completions.stream(**ask) as answer:
            choice: Any = answer.get_final_completion().choices[0]
    else:
        choice = alices.chat.completions.create(**ask).choices[0]
    assert choice.finish_reason == "tool_calls"
    called = [call.function for call in choice.message.tool_calls]
    assert [call.name for call in called] == ["weather", "weather"]
    assert [json.loads(call.arguments)["city"] for call in called] == ["서울", "東京"]
    assert len({call.id for call in choice.message.tool_calls}) == 2
    body = stage.wait_for_call().body
    [tool] = body["tools"]
    schema = WEATHER["function"]["parameters"]
    if model == CLAUDE:
        assert (tool["name"], tool["description"]) == ("weather", "도시의 날씨")
        assert tool["input_schema"] == schema
    else:
        [declared] = tool["functionDeclarations"]
        assert (declared["name"], declared["description"]) == ("weather", "도시의 날씨")
        assert declared["parametersJsonSchema"] == schema


@OTHERS
def test_it_reads_the_results_of_tools(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    asked = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in CALLS
    ]
    messages: list[Any] = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": asked},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "맑음"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "雨"},
    ]
    alices.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    body = stage.wait_for_call().body
    if model == CLAUDE:
        calls, results = (body["messages"][i]["content"] for i in (1, 2))
        assert [(c["id"], c["input"]["city"]) for c in calls if c["type"] == "tool_use"] == [
            ("toolu_1", "서울"),
            ("toolu_2", "東京"),
        ]
        assert [(r["tool_use_id"], r["content"]) for r in results] == [
            ("toolu_1", "맑음"),
            ("toolu_2", "雨"),
        ]
    else:
        calls, results = (body["contents"][i]["parts"] for i in (1, 2))
        assert [part["functionCall"] for part in calls] == [
            {"id": "toolu_1", "name": "weather", "args": {"city": "서울"}},
            {"id": "toolu_2", "name": "weather", "args": {"city": "東京"}},
        ]
        assert [part["functionResponse"] for part in results] == [
            {"id": "toolu_1", "name": "weather", "response": {"output": "맑음"}},
            {"id": "toolu_2", "name": "weather", "response": {"output": "雨"}},
        ]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{}]}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"seed": 1}, "seed"),
        ({"messages": [{"role": "critic", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "input_text"}]}]}, "messages[0]"),
    ],
)
def test_what_claude_cannot_be_told_is_the_callers_fault_in_one_line(
    alices: openai.OpenAI, stage: Stage, more: Any, param: str
) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match=r"anthropic takes") as caught:
            alices.chat.completions.create(
                **{"model": CLAUDE, "messages": ASK, "stream": stream, **more}
            )
        assert caught.value.param == param
        assert "\n" not in caught.value.message
        assert "Traceback" not in caught.value.message
    assert stage.calls == []


@pytest.mark.parametrize("stream", [False, True])
def test_what_claude_thought_goes_back_to_it_with_the_message(
    alices: openai.OpenAI, stage: Stage, stream: bool
) -> None:
    stage.next(Script(pieces=["볼게요"], reasoning=["날", "씨?"], tool_calls=CALLS[:1]))
    ask: dict[str, Any] = {"model": CLAUDE, "messages": ASK, "tools": [WEATHER]}
    if stream:
        with alices.chat.completions.stream(**ask) as answer:
            message: Any = answer.get_final_completion().choices[0].message
    else:
        message = alices.chat.completions.create(**ask).choices[0].message
    said = message.model_dump(exclude_none=True)
    said.pop("parsed", None)
    result: Any = {"role": "tool", "tool_call_id": "toolu_1", "content": "맑음"}
    alices.chat.completions.create(model=CLAUDE, messages=[*ASK, said, result], tools=[WEATHER])
    blocks = stage.wait_for_call(2).body["messages"][1]["content"]
    assert blocks[0] == {"type": "thinking", "thinking": "날씨?", "signature": "EqQBCgIYAh=="}
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_gemini_signed_goes_back_to_it_with_the_call(
    alices: openai.OpenAI, stage: Stage, stream: bool
) -> None:
    call = {"name": "weather", "args": {"city": "서울"}}
    part = {"functionCall": call, "thoughtSignature": "c2lnbmVk"}
    told = json.dumps({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]})
    stage.next(Script(raw=(f"data: {told}\n\n" if stream else told).encode()))
    ask: dict[str, Any] = {"model": GEMINI, "messages": ASK, "tools": [WEATHER]}
    if stream:
        with alices.chat.completions.stream(**ask) as answer:
            message: Any = answer.get_final_completion().choices[0].message
    else:
        message = alices.chat.completions.create(**ask).choices[0].message
    said = message.model_dump(exclude_none=True)
    said.pop("parsed", None)
    result: Any = {
        "role": "tool",
        "tool_call_id": said["tool_calls"][0]["id"],
        "content": "맑음",
    }
    alices.chat.completions.create(model=GEMINI, messages=[*ASK, said, result], tools=[WEATHER])
    [sent] = stage.wait_for_call(2).body["contents"][1]["parts"]
    assert sent["thoughtSignature"] == "c2lnbmVk"
    assert sent["functionCall"] == {**call, "id": said["tool_calls"][0]["id"]}


@OTHERS
def test_it_sees_pictures(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    url = {"url": f"data:image/png;base64,{PICTURE}"}
    parts = [{"type": "text", "text": "이게 뭐야?"}, {"type": "image_url", "image_url": url}]
    messages: list[Any] = [{"role": "user", "content": parts}]
    alices.chat.completions.create(model=model, messages=messages)
    body = stage.wait_for_call().body
    if model == CLAUDE:
        picture = body["messages"][0]["content"][1]["source"]
        assert picture == {"type": "base64", "media_type": "image/png", "data": PICTURE}
    else:
        picture = body["contents"][0]["parts"][1]["inlineData"]
        assert picture == {"mimeType": "image/png", "data": PICTURE}


class Forecast(BaseModel):
    city: str
    degrees: int


@OTHERS
def test_its_answer_is_parsed_by_a_schema(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=['{"city": "首尔", "degrees": 31}']))
    answer = alices.chat.completions.parse(model=model, messages=ASK, response_format=Forecast)
    assert answer.choices[0].message.parsed == Forecast(city="首尔", degrees=31)
    assert "degrees" in str(stage.wait_for_call().body)


@OTHERS
def test_its_stream_that_is_cut_off_does_not_pass_for_whole(
    alices: openai.OpenAI, stage: Stage, model: str
) -> None:
    stage.next(Script(pieces=PIECES, cut=Cut(after_pieces=2)))
    with pytest.raises(openai.APIError) as caught:
        list(alices.chat.completions.create(model=model, messages=ASK, stream=True))
    assert caught.value.code == "incomplete"
    assert ledger_row().status == "incomplete"


def test_a_picture_by_its_address_is_fetched_by_google_and_not_by_rini(
    alices: openai.OpenAI, stage: Stage
) -> None:
    url = f"{stage.url}/openai/picture.png"
    messages: list[Any] = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    ]
    alices.chat.completions.create(model=GEMINI, messages=messages)
    [part] = stage.wait_for_call().body["contents"][0]["parts"]
    assert part == {"fileData": {"mimeType": "image/png", "fileUri": url}}
    assert len(stage.calls) == 1


def test_every_choice_of_a_stream_of_several_has_its_end(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(Script(pieces=PIECES))
    stream = alices.chat.completions.create(model=GEMINI, messages=ASK, n=2, stream=True)
    choices = [choice for chunk in stream for choice in chunk.choices]
    for index in (0, 1):
        texts = [c.delta.content or "" for c in choices if c.index == index]
        assert "".join(texts) == "".join(PIECES)
        assert [c.finish_reason for c in choices if c.index == index and c.finish_reason] == [
            "stop"
        ]


@pytest.mark.parametrize(
    "tool", [{"googleSearch": {}}, {"type": "web_search"}, {"type": "code_execution"}]
)
def test_tools_that_google_bills_by_the_call_are_refused_by_name(
    alices: openai.OpenAI, stage: Stage, tool: Any
) -> None:
    name = tool.get("type") or "googleSearch"
    with pytest.raises(openai.BadRequestError, match=name):
        alices.chat.completions.create(model=GEMINI, messages=ASK, tools=[tool])
    assert stage.calls == []


def test_what_was_asked_in_a_shape_that_makes_no_sense_is_one_line(
    alices: openai.OpenAI, stage: Stage
) -> None:
    messages: list[Any] = [{"role": "robot", "content": "안녕"}]
    with pytest.raises(openai.BadRequestError) as caught:
        alices.chat.completions.create(model=GEMINI, messages=messages)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["message"] == "google takes no message of role robot."
    assert caught.value.param == "messages[0].role"
    assert stage.calls == []
