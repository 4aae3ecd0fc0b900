"""Requests of OpenAI's format in Gemini's words: what is said, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ProviderRefused
from providers.types import ChatRequest
from providers.wires.gemini_translation.embeddings import embedding_body
from providers.wires.gemini_translation.messages import NO_SIGNATURE
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.gemini_translation.requests import request_body

FLASH = GeminiModel("google", "gemini-2.5-flash")
THIRD = GeminiModel("google", "gemini-3-flash-preview")
PICTURE = "iVBORw0KGgo="
ASK: list[Any] = [{"role": "user", "content": "안녕"}]
TEXTS = st.text(min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "function", "name", "arguments", "id", "url"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def body(messages: list[Any] = ASK, model: GeminiModel = FLASH, **params: Any) -> dict[str, Any]:
    made = request_body(ChatRequest(messages, params), model)
    assert orjson.loads(orjson.dumps(made)) == made
    return made


def parts_of(content: Any) -> Any:
    [only] = body([{"role": "user", "content": content}])["contents"]
    return only["parts"]


def config(model: GeminiModel = FLASH, **params: Any) -> dict[str, Any]:
    told: dict[str, Any] = body(model=model, **params).get("generationConfig", {})
    return told


def refusal(messages: list[Any] = ASK, model: GeminiModel = FLASH, **params: Any) -> str:
    with pytest.raises(ProviderRefused) as caught:
        request_body(ChatRequest(messages, params), model)
    said = str(caught.value)
    assert said.startswith("google ")
    assert "\n" not in said
    assert caught.value.errors
    return said


def call(call_id: str, name: str = "weather", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function, **more}


def called(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def result(call_id: str, content: Any = "맑음") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def tool(name: str = "weather", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


def said_in(made: dict[str, Any]) -> list[str]:
    """Every word of a request, in order: the system's, then the conversation's."""
    words = []
    contents = [made.get("systemInstruction", {"parts": []}), *made["contents"]]
    for part in (part for content in contents for part in content["parts"]):
        if "functionResponse" in part:
            words.append(part["functionResponse"]["response"]["output"])
        elif "text" in part:
            words.append(part["text"])
    return words


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Any], list[str], list[str]]:
    """Messages, what the system says in them, and what all others say."""
    messages: list[Any] = [{"role": "user", "content": "처음"}]
    system: list[str] = []
    others = ["처음"]
    for turn in draw(st.lists(st.sampled_from(["system", "user", "assistant", "tools"]))):
        texts = draw(st.lists(TEXTS, min_size=1, max_size=3))
        content: Any = [{"type": "text", "text": text} for text in texts]
        if len(texts) == 1:
            content = texts[0]
        if turn == "tools":
            ids = [f"call{len(messages)}-{i}" for i in range(len(texts))]
            messages.append(called(*(call(call_id, arguments="") for call_id in ids)))
            messages += [result(*pair) for pair in zip(ids, texts, strict=True)]
        else:
            messages.append({"role": turn, "content": content})
        (system if turn == "system" else others).extend(texts)
    return messages, system, others


@given(conversations())
def test_everything_that_was_said_is_said_once_in_order_and_nothing_else(
    said: tuple[list[Any], list[str], list[str]],
) -> None:
    messages, system, others = said
    for model in (FLASH, THIRD):
        assert said_in(body(messages, model)) == [*system, *others]


@given(st.lists(JSON, max_size=3), st.dictionaries(st.sampled_from(["tools", "n"]), JSON))
def test_messages_of_any_shape_are_translated_or_refused(
    messages: list[Any], params: dict[str, Any]
) -> None:
    with suppress(ProviderRefused):
        request_body(ChatRequest(messages, params), FLASH)


PARAMS = (
    *("tools", "tool_choice", "functions", "function_call", "response_format", "thinking", "n"),
    *("reasoning_effort", "stop", "max_tokens", "service_tier", "logprobs", "top_logprobs"),
)


@given(st.dictionaries(st.sampled_from(PARAMS), JSON), st.sampled_from([FLASH, THIRD]))
def test_parameters_of_any_shape_are_translated_or_refused(
    params: dict[str, Any], model: GeminiModel
) -> None:
    with suppress(ProviderRefused):
        request_body(ChatRequest(ASK, params), model)


def test_system_and_developer_messages_are_the_system_instruction() -> None:
    messages = [
        {"role": "system", "content": "짧게."},
        {"role": "developer", "content": [{"type": "text", "text": "日本語で。"}]},
        *ASK,
    ]
    made = body(messages)
    assert made["systemInstruction"] == {"parts": [{"text": "짧게."}, {"text": "日本語で。"}]}
    assert made["contents"] == [{"role": "user", "parts": [{"text": "안녕"}]}]


@pytest.mark.parametrize("empty", ["", None, [], [{"type": "text", "text": ""}]])
def test_messages_without_content_say_nothing(empty: Any) -> None:
    messages = [{"role": "assistant", "content": empty}, *ASK, {"role": "user", "content": empty}]
    assert body(messages) == body()


@pytest.mark.parametrize("messages", [[], [{"role": "system", "content": "x"}]])
def test_a_request_in_which_nobody_says_anything_is_refused(messages: list[Any]) -> None:
    assert "beside the system's" in refusal(messages)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "robot", "content": "x"}, "role robot"),
        ({"content": "x"}, "without a role"),
        ({"role": "user", "content": 5}, "text or a list"),
        ({"role": "user", "content": {"type": "text", "text": "x"}}, "text or a list"),
        ({"role": "user", "content": [{"type": "input_text", "text": "x"}]}, "type input_text"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "type text"),
        ({"role": "user", "content": ["x"]}, "type none"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "data: URL"),
        ({"role": "assistant", "audio": {"id": "a"}}, "audio"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}, "functions by name"),
        (called(call("a", arguments="{broken")), "JSON text of an object"),
        (called(call("a", arguments="[1]")), "JSON text of an object"),
        (result("nobody"), "no call before it"),
    ],
)
def test_what_gemini_cannot_be_told_is_named(message: Any, says: str) -> None:
    assert says in refusal([*ASK, message])


def test_a_refusal_of_the_assistants_goes_back_as_what_it_said() -> None:
    told = {"role": "assistant", "content": None, "refusal": "못 해요."}
    assert body([*ASK, told])["contents"][1] == {"role": "model", "parts": [{"text": "못 해요."}]}


def test_pictures_come_with_their_bytes_or_by_address() -> None:
    bytes_ = {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PICTURE}"}}
    plain = {"type": "image_url", "image_url": "data:image/svg+xml,%3Csvg%2F%3E"}
    address = {"type": "image_url", "image_url": {"url": "https://example.com/a.png?x=1"}}
    assert parts_of([bytes_, plain, address]) == [
        {"inlineData": {"mimeType": "image/jpeg", "data": PICTURE}},
        {"inlineData": {"mimeType": "image/svg+xml", "data": "PHN2Zy8+"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png?x=1"}},
    ]


@pytest.mark.parametrize("detail", ["low", "high"])
def test_a_picture_s_detail_counts_where_the_model_knows_one(detail: str) -> None:
    url = f"data:image/png;base64,{PICTURE}"
    part = {"type": "image_url", "image_url": {"url": url, "detail": detail}}
    messages = [{"role": "user", "content": [part]}]
    told = body(messages, THIRD)["contents"][0]["parts"][0]["mediaResolution"]
    assert told == {"level": f"MEDIA_RESOLUTION_{detail.upper()}"}
    assert body(messages)["contents"][0]["parts"][0].keys() == {"inlineData"}


def test_sound_films_and_documents_are_told_by_their_type() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}
    film = {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=x"}}
    document = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}
    named = {"type": "file", "file": {"file_data": "AAAA", "filename": "보고서.pdf"}}
    kept = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    uploaded = {"type": "file", "file": {"file_id": kept, "format": "application/pdf"}}
    assert parts_of([sound, film, document, named, uploaded]) == [
        {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": kept}},
    ]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "data: URL"),
        ({"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}}, "data: URL"),
        ({"type": "image_url", "image_url": {"url": f"data:;base64,{PICTURE}"}}, "type of a file"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}, "as base64"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "midi"}}, "formats aac"),
        ({"type": "input_audio", "input_audio": {"data": "https://x", "format": "wav"}}, "base64"),
        ({"type": "file", "file": {"file_id": "file-abc"}}, "file_data"),
        ({"type": "file", "file": {"file_id": "files/abc"}}, "https: address"),
        ({"type": "file", "file": {"file_data": "AAAA", "filename": "no-type"}}, "type of a file"),
        ({"type": "file"}, "file_data"),
    ],
)
def test_files_that_cannot_go_along_are_refused(part: Any, says: str) -> None:
    assert says in refusal([{"role": "user", "content": [part]}])


def test_calls_and_their_results_are_put_together_by_id_and_name() -> None:
    messages = [
        *ASK,
        called(call("a", arguments='{"city": "서울"}'), call("b", "time", "")),
        result("b", "낮"),
        result("a", "맑음"),
        {"role": "user", "content": "고마워"},
    ]
    assert body(messages)["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "a", "name": "weather", "args": {"city": "서울"}}},
                {"functionCall": {"id": "b", "name": "time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "b", "name": "time", "response": {"output": "낮"}}},
                {
                    "functionResponse": {
                        "id": "a",
                        "name": "weather",
                        "response": {"output": "맑음"},
                    }
                },
            ],
        },
        {"role": "user", "parts": [{"text": "고마워"}]},
    ]


def test_two_calls_that_are_equal_stay_two() -> None:
    messages = [*ASK, called(call("a"), call("a")), result("a", "1"), result("a", "2")]
    calls, results = (content["parts"] for content in body(messages)["contents"][1:])
    ids = [part["functionCall"]["id"] for part in calls]
    assert len(set(ids)) == 2
    assert [part["functionResponse"]["id"] for part in results] == ids
    assert said_in(body(messages))[1:] == ["1", "2"]


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=4))
def test_ids_of_calls_are_unique_however_often_a_client_repeats_them(
    turns: list[list[str]],
) -> None:
    messages = list(ASK)
    for ids in turns:
        messages += [called(*map(call, ids)), *map(result, ids)]
    contents = body(messages)["contents"][1:]
    asked = [p["functionCall"]["id"] for c in contents[::2] for p in c["parts"]]
    answered = [p["functionResponse"]["id"] for c in contents[1::2] for p in c["parts"]]
    assert len(set(asked)) == len(asked)
    assert sorted(asked) == sorted(answered)


def test_pictures_in_a_tool_s_result_go_with_it_or_beside_it() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    content = [{"type": "text", "text": "지도"}, picture]
    messages = [*ASK, called(call("a")), result("a", content)]
    inline = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
    told = {"id": "a", "name": "weather", "response": {"output": "지도"}}
    assert body(messages, THIRD)["contents"][2]["parts"] == [
        {"functionResponse": {**told, "parts": [inline]}}
    ]
    assert body(messages)["contents"][2]["parts"] == [{"functionResponse": told}, inline]


def test_the_old_format_of_functions_is_taken_too() -> None:
    old = {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}}
    messages = [*ASK, old, {"role": "function", "name": "weather", "content": "맑음"}]
    made = body(messages, functions=[{"name": "weather"}], function_call={"name": "weather"})
    assert made["contents"][1]["parts"] == [{"functionCall": {"name": "weather", "args": {}}}]
    assert said_in(made)[1:] == ["맑음"]
    assert made["tools"] == [{"functionDeclarations": [{"name": "weather"}]}]
    mode = {"mode": "ANY", "allowedFunctionNames": ["weather"]}
    assert made["toolConfig"] == {"functionCallingConfig": mode}


def test_thought_signatures_go_back_where_they_came_from() -> None:
    signed: dict[str, Any] = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}
    messages = [*ASK, called(call("a", **signed), call("b")), result("a"), result("b")]
    first, second = body(messages, THIRD)["contents"][1]["parts"]
    assert first["thoughtSignature"] == "c2lnbmVk"
    assert "thoughtSignature" not in second
    told = {"role": "assistant", "content": "네", **signed}
    parts = body([*ASK, told], THIRD)["contents"][1]["parts"]
    assert parts == [{"text": "네", "thoughtSignature": "c2lnbmVk"}]
    silent = {"role": "assistant", "content": None, **signed}
    parts = body([*ASK, silent], THIRD)["contents"][1]["parts"]
    assert parts == [{"text": "", "thoughtSignature": "c2lnbmVk"}]


def test_calls_that_lost_their_signature_say_so_to_models_that_want_one() -> None:
    messages = [*ASK, called(call("a"), call("b")), result("a"), result("b")]
    first, second = body(messages, THIRD)["contents"][1]["parts"]
    assert first["thoughtSignature"] == NO_SIGNATURE
    assert "thoughtSignature" not in second
    assert not any("thoughtSignature" in part for part in body(messages)["contents"][1]["parts"])


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"const": "city"},
        "const": {"oneOf": [{"const": 1}, {"type": "array", "items": {"$ref": "#/$defs/a"}}]},
    },
    "$defs": {"a": {"type": "object", "properties": {"flag": {"const": True}}}},
    "additionalProperties": False,
    "default": {"const": "no schema"},
}


def test_schemas_go_as_they_are_and_constants_are_told_as_gemini_reads_them() -> None:
    [declared] = body(tools=[tool(description="날씨", parameters=SCHEMA)])["tools"][0][
        "functionDeclarations"
    ]
    told = json.loads(json.dumps(SCHEMA))
    told["properties"]["kind"]["enum"] = ["city"]
    told["properties"]["const"]["oneOf"][0]["enum"] = [1]
    assert declared == {"name": "weather", "description": "날씨", "parametersJsonSchema": told}


def test_names_that_are_alike_stay_apart() -> None:
    [told] = body(tools=[tool("a.b"), tool("a:b"), tool("a_b")])["tools"]
    assert [f["name"] for f in told["functionDeclarations"]] == ["a.b", "a:b", "a_b"]


CHOICES = [
    ("auto", None),
    (None, None),
    ("none", {"mode": "NONE"}),
    ("required", {"mode": "ANY"}),
    (
        {"type": "function", "function": {"name": "time"}},
        {"mode": "ANY", "allowedFunctionNames": ["time"]},
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("time")]}},
        {"mode": "ANY", "allowedFunctionNames": ["time"]},
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("time")]}},
        {"mode": "VALIDATED", "allowedFunctionNames": ["time"]},
    ),
]


@pytest.mark.parametrize(("choice", "told"), CHOICES)
def test_which_tools_may_be_called_is_told(choice: Any, told: Any) -> None:
    made = body(tools=[tool(), tool("time")], tool_choice=choice)
    assert made.get("toolConfig", {}).get("functionCallingConfig") == told


def test_strict_tools_make_calls_that_fit_their_schemas() -> None:
    made = body(tools=[tool(strict=True, parameters=SCHEMA), tool("time")])
    assert made["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("sometimes", "tool_choice"),
        ({"type": "custom", "custom": {"name": "time"}}, "tool_choice"),
        ({"type": "function", "function": {"name": "nosuch"}}, "no tool named nosuch"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, "tool_choice"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(choice: Any, says: str) -> None:
    assert says in refusal(tools=[tool()], tool_choice=choice)


def test_to_have_to_call_a_tool_there_must_be_one() -> None:
    assert "no tools" in refusal(tool_choice="required")
    assert body(tool_choice="auto", parallel_tool_calls=False) == body()
    assert body(tool_choice="none", tools=[]) == body()


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        ([{"googleSearch": {}}], "not googleSearch"),
        ([{"type": "code_execution"}], "not code_execution"),
        ([{"type": "custom", "custom": {"name": "x"}}], "not custom"),
        ([{"type": "mcp", "server_url": "x"}], "not mcp"),
        ([{}], "not none"),
        (["x"], "not none"),
        ([tool(name="")], "name"),
        ([tool(parameters=[1])], "JSON schema"),
        ({"a": 1}, "list"),
    ],
)
def test_tools_that_are_no_functions_are_refused(tools: Any, says: str) -> None:
    assert says in refusal(tools=tools)


def test_one_call_at_a_time_cannot_be_asked_for() -> None:
    assert "parallel_tool_calls" in refusal(tools=[tool()], parallel_tool_calls=False)
    assert body(tools=[tool()], parallel_tool_calls=True) == body(tools=[tool()])


def test_two_kilobytes_that_stand_for_gigabytes_are_sent_as_they_are() -> None:
    levels = {f"l{i}": {"anyOf": [{"$ref": f"#/$defs/l{i + 1}"}] * 4} for i in range(12)} | {
        "l12": {"type": "string"}
    }
    schema = {"$ref": "#/$defs/l0", "$defs": levels}
    made = orjson.dumps(body(tools=[tool(parameters=schema)]))
    assert len(made) < 4_000


def test_schemas_without_bounds_are_refused_before_they_are_walked() -> None:
    deep: Any = {"type": "string"}
    for _ in range(100_000):
        deep = {"items": deep}
    assert "tools of more than 64 levels" in refusal(tools=[tool(parameters=deep)])
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": deep}}
    assert "response_format of more than" in refusal(response_format=form)


EFFORTS = [
    ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
    ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
    ("gemini-2.5-pro", "medium", {"thinkingBudget": 8192, "includeThoughts": True}),
    ("gemini-2.5-pro", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
    ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
    ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
    ("gemini-flash-latest", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
    ("gemini-2.0-flash", "none", None),
    ("gemini-3-flash-preview", None, None),
]


@pytest.mark.parametrize(("name", "effort", "told"), EFFORTS)
def test_an_effort_is_told_as_the_model_reads_it(name: str, effort: str | None, told: Any) -> None:
    made = config(GeminiModel("google", name), reasoning_effort=effort)
    assert made.get("thinkingConfig") == told


@pytest.mark.parametrize("name", ["gemini-2.5-pro", "gemini-3-flash-preview"])
def test_models_that_always_think_say_so(name: str) -> None:
    model = GeminiModel("google", name)
    assert f"the thinking of {name}" in refusal(model=model, reasoning_effort="none")
    assert f"the thinking of {name}" in refusal(model=model, thinking={"type": "disabled"})


def test_a_budget_of_thinking_may_be_told_in_tokens() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    told = {"thinkingBudget": 2000, "includeThoughts": True}
    assert config(thinking=thinking) == {"thinkingConfig": told}
    assert "not both" in refusal(thinking=thinking, reasoning_effort="low")
    assert "thinking as enabled" in refusal(thinking={"type": "perhaps"})
    assert "reasoning_effort as one of none" in refusal(reasoning_effort="xhigh")


def test_parameters_are_told_in_geminis_words() -> None:
    made = config(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        max_completion_tokens=100,
        stop=["끝", "終"],
        n=2,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logprobs=True,
        top_logprobs=3,
    )
    assert made == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "maxOutputTokens": 100,
        "stopSequences": ["끝", "終"],
        "candidateCount": 2,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_the_format_of_the_answer_is_told() -> None:
    json_mode = {"responseMimeType": "application/json"}
    assert config(response_format={"type": "json_object"}) == json_mode
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}}
    told = config(response_format=form)
    assert told["responseMimeType"] == "application/json"
    assert told["responseJsonSchema"]["properties"]["kind"] == {"const": "city", "enum": ["city"]}
    for wrong in ("json", {"type": "xml"}, {"type": "json_schema"}):
        assert "takes response_format as" in refusal(response_format=wrong)


def test_settings_of_geminis_own_go_beside_the_conversation() -> None:
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    made = body(safety_settings=settings, cached_content="cachedContents/abc")
    assert made["safetySettings"] == settings
    assert made["cachedContent"] == "cachedContents/abc"


@pytest.mark.parametrize("tier", [None, "auto", "default", "standard"])
def test_no_paid_tier_is_asked_for_that_nobody_named(tier: str | None) -> None:
    assert body(service_tier=tier) == body()
    assert body(service_tier="flex")["serviceTier"] == "flex"


def test_what_changes_nothing_is_left_out() -> None:
    params: dict[str, Any] = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "logprobs": False,
        "user": "u",
        "safety_identifier": "s",
        "store": False,
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "modalities": ["text"],
        "verbosity": "medium",
        "response_format": {"type": "text"},
        "tools": [],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": None,
    }
    assert body(**params) == body()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("logit_bias", {"1": 2}),
        ("web_search_options", {}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "x"}),
        ("prediction", {"type": "content", "content": "x"}),
        ("store", True),
        ("verbosity", "low"),
        ("models", ["google/other"]),
        ("api_base", "http://x"),
        ("n", 0),
        ("n", 9),
        ("n", "2"),
        ("max_tokens", True),
        ("stop", [1]),
        ("top_logprobs", 2),
        ("service_tier", "scale"),
    ],
)
def test_what_gemini_has_no_word_for_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ProviderRefused) as caught:
        body(**{name: value})
    assert caught.value.errors == {name: [str(caught.value)]}


def test_embeddings_are_of_texts_only() -> None:
    model = GeminiModel("google", "gemini-embedding-001")
    params = {"dimensions": 64, "task_type": "RETRIEVAL_QUERY", "user": "u", "encoding_format": "x"}
    assert embedding_body(["files/abc"], params, model) == {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": "files/abc"}]},
                "taskType": "RETRIEVAL_QUERY",
                "outputDimensionality": 64,
            }
        ]
    }
    with pytest.raises(ProviderRefused, match="texts only"):
        embedding_body([[1, 2]], {}, model)
    with pytest.raises(ProviderRefused, match="input_type"):
        embedding_body(["x"], {"input_type": "query"}, model)
