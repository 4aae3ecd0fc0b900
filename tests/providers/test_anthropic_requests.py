"""What Claude is told for what a client of OpenAI's format says."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ProviderRefused
from providers.types import ChatRequest, Target
from providers.wires.anthropic_translation.names import CallIds, ToolNames
from providers.wires.anthropic_translation.request import body
from tests.vendors.anthropic_rules import violations

Json = dict[str, Any]
NEW, OLD = "claude-opus-5", "claude-sonnet-4-5"
PNG = "iVBORw0KGgo="
ASK: list[Json] = [{"role": "user", "content": "안녕"}]


def told(messages: list[Json], model: str = OLD, limit: int | None = 8192, **params: Any) -> Json:
    target = Target("anthropic", "anthropic", model, "http://x", max_output_tokens=limit)
    return body(target, ChatRequest(messages, params))[0]


def refusal(messages: list[Json], **params: Any) -> str:
    with pytest.raises(ProviderRefused) as caught:
        told(messages, **params)
    message = str(caught.value)
    assert message.startswith("anthropic ")
    assert "\n" not in message
    return message


def content(part: Json) -> Any:
    return told([{"role": "user", "content": [part]}])["messages"][0]["content"][0]


def call(call_id: Any, name: str = "f", arguments: Any = "{}") -> Json:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def calling(*calls: Json, text: str | None = None, **more: Any) -> Json:
    return {"role": "assistant", "content": text, "tool_calls": list(calls), **more}


def result(call_id: Any, said: Any = "결과") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": said}


def tool(name: str, **function: Any) -> Json:
    return {"type": "function", "function": {"name": name, **function}}


# Messages


def test_leading_system_messages_are_the_system_prompt_each_a_block() -> None:
    system = [{"role": "system", "content": "하나"}, {"role": "developer", "content": "둘"}]
    assert told([*system, *ASK])["system"] == [
        {"type": "text", "text": "하나"},
        {"type": "text", "text": "둘"},
    ]


def test_a_later_system_message_stands_behind_the_users_turn_where_the_model_takes_one() -> None:
    later = {"role": "system", "content": "이제부터 영어로."}
    answer = {"role": "assistant", "content": "네."}
    as_system = {"role": "system", "content": [{"type": "text", "text": "이제부터 영어로."}]}
    for messages, place in (([*ASK, later, answer, *ASK], 1), ([*ASK, answer, later, *ASK], 3)):
        turns = told(messages, NEW)["messages"]
        assert turns[place] == as_system
        assert turns[place - 1]["role"] == "user"


def test_where_no_system_message_may_stand_it_is_in_the_system_prompt() -> None:
    later = {"role": "system", "content": "나중"}
    answer = {"role": "assistant", "content": "네."}
    system = [{"type": "text", "text": "나중"}]
    assert told([*ASK, later, answer], OLD)["system"] == system
    assert told([*ASK, answer, later], NEW)["system"] == system


def test_a_longer_conversation_begins_as_the_shorter_one_did() -> None:
    messages = [
        *({"role": "system", "content": "처음"}, *ASK, {"role": "assistant", "content": "네"}),
        *({"role": "system", "content": "메모"}, *ASK, {"role": "assistant", "content": "응"}),
    ]
    shorter, longer = told(messages[:5], NEW), told([*messages, *ASK], NEW)
    assert longer["messages"][: len(shorter["messages"])] == shorter["messages"]
    assert longer["system"] == shorter["system"]


def test_messages_of_one_role_are_one_turn_with_nothing_put_between_them() -> None:
    assert told([*ASK, *ASK])["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "안녕"}] * 2}
    ]


def test_nothing_is_said_in_the_place_of_nothing() -> None:
    messages = [
        *({"role": "user", "content": ""}, {"role": "assistant", "content": ""}),
        *(*ASK, calling(call("a"), text=""), result("a", ""), {"role": "user", "content": "  "}),
    ]
    assert told(messages)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "안녕"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
    ]
    assert "without content" in refusal([{"role": "user", "content": ""}])


def test_pictures_go_as_data_and_as_addresses() -> None:
    url = f"data:image/jpg;base64,{PNG}"
    assert content({"type": "image_url", "image_url": {"url": url}}) == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG},
    }
    address = "https://example.com/고양이.png"
    expected = {"type": "image", "source": {"type": "url", "url": address}}
    assert content({"type": "image_url", "image_url": {"url": address}}) == expected
    assert content({"type": "image_url", "image_url": address}) == expected


def test_files_are_documents_with_their_names() -> None:
    pdf = {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "계약.pdf"}
    assert content({"type": "file", "file": pdf}) == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        "title": "계약.pdf",
    }
    text = {"file_data": "data:text/markdown;charset=utf-8;base64,7JWI64WV"}
    assert content({"type": "file", "file": text})["source"] == {
        "type": "text",
        "media_type": "text/plain",
        "data": "안녕",
    }
    away = {"file_data": "https://example.com/a.pdf"}
    source = {"type": "url", "url": "https://example.com/a.pdf"}
    assert content({"type": "file", "file": away})["source"] == source
    picture = {"file_data": f"data:image/webp;base64,{PNG}"}
    assert content({"type": "file", "file": picture})["type"] == "image"


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, "input_audio"),
        ({"type": "video_url", "video_url": {"url": "https://x"}}, "video_url"),
        ({"type": "input_text", "text": "x"}, "input_text"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file_data"),
        ({"type": "file", "file": {"file_data": "data:application/zip;base64,AA=="}}, "zip"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}, "UTF-8"),
        ({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AA=="}}, "image/bmp"),
        ({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}, "image_url"),
        ({"type": "text"}, "text"),
        ({"type": ["text"]}, "type"),
        ("text", "part"),
    ],
)
def test_a_part_that_claude_cannot_take_is_refused_by_name(part: Any, named: str) -> None:
    message = refusal([{"role": "user", "content": [part]}])
    assert named in message


def test_what_is_quoted_of_a_client_is_one_short_line() -> None:
    message = refusal([{"role": "a\n" + "b" * 5000 + "\ud800", "content": "x"}])
    assert len(message) <= 300
    message.encode()


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"content": "x"}, "without a role"),
        ({"role": "critic", "content": "x"}, "critic"),
        ({"role": "function", "name": "f", "content": "x"}, "function"),
        ({"role": "user", "content": {"text": "x"}}, "content"),
        ({"role": "user", "content": 5}, "content"),
        ({"role": "assistant", "audio": {"id": "a"}}, "audio"),
        ({"role": "assistant", "function_call": {"name": "f"}}, "function_call"),
        (result("nobody"), "nobody"),
        ({"role": "tool", "content": "x"}, "None"),
        (calling({"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}), "custom"),
        (calling({"id": "a"}), "name"),
        (calling(call("a", arguments='{"a": ')), "JSON object"),
        (calling(call("a", arguments="[1]")), "JSON object"),
        ({"role": "assistant", "thinking_blocks": [{"type": "thinking"}]}, "thinking_blocks"),
    ],
)
def test_a_message_that_cannot_be_told_is_refused_in_one_line(message: Json, named: str) -> None:
    assert named in refusal([*ASK, message])


def test_refusals_of_the_assistant_are_what_it_said() -> None:
    message = {"role": "assistant", "content": None, "refusal": "못 해요."}
    parts = {"role": "assistant", "content": [{"type": "refusal", "refusal": "못 해요."}]}
    for said in (message, parts):
        assert told([*ASK, said])["messages"][1]["content"] == [
            {"type": "text", "text": "못 해요."}
        ]


def test_calls_and_results_keep_their_ids() -> None:
    turns = told(
        [*ASK, calling(call("x", "f", '{"도시": "서울"}'), call("y")), result("y"), result("x")]
    )
    used, results = turns["messages"][1]["content"], turns["messages"][2]["content"]
    assert [(block["id"], block["input"]) for block in used] == [("x", {"도시": "서울"}), ("y", {})]
    assert [block["tool_use_id"] for block in results] == ["y", "x"]


def test_equal_calls_stay_two_and_ids_that_come_again_are_told_apart() -> None:
    turn = [calling(call("call_0"), call("call_0")), result("call_0", "1"), result("call_0", "2")]
    told_ = told([*ASK, *turn, *turn])
    assert violations(told_) == []
    blocks = [block for turn in told_["messages"] for block in turn["content"]]
    assert len([block for block in blocks if block["type"] == "tool_use"]) == 4
    assert [b["content"] for b in blocks if b["type"] == "tool_result"] == ["1", "2"] * 2


def test_results_come_before_what_the_user_says_and_may_hold_pictures() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    parts = [{"type": "text", "text": "화면"}, picture]
    turns = told(
        [*ASK, calling(call("a"), call("b")), *ASK, result("a", parts), result("b", " \n")]
    )
    first, second, text = turns["messages"][2]["content"]
    assert [block["type"] for block in first["content"]] == ["text", "image"]
    assert second["content"] == " \n"
    assert text == {"type": "text", "text": "안녕"}


def test_thinking_goes_back_as_it_came_before_the_text() -> None:
    thought = {"type": "thinking", "thinking": "음…", "signature": "sig=="}
    hidden = {"type": "redacted_thinking", "data": "xyz"}
    said = calling(call("a"), text="볼게요", thinking_blocks=[{"index": 0, **thought}, hidden])
    blocks = told([*ASK, said, result("a")])["messages"][1]["content"]
    assert blocks[:2] == [thought, hidden]
    assert [block["type"] for block in blocks[2:]] == ["text", "tool_use"]


def test_breakpoints_of_the_cache_are_kept_wherever_they_stand() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    part = {"type": "text", "text": "긴 글", "cache_control": mark}
    messages: list[Json] = [
        {"role": "system", "content": [part]},
        {"role": "user", "content": "질문", "cache_control": mark},
        calling(call("a") | {"cache_control": mark}),
        result("a") | {"cache_control": mark},
    ]
    tools = [tool("f") | {"cache_control": mark}]
    asked = told(messages, tools=tools, cache_control=mark)
    marked = [asked, asked["tools"][0], asked["system"][0]]
    marked += [turn["content"][0] for turn in asked["messages"]]
    assert [place["cache_control"] for place in marked] == [mark] * 6


# Tools


def test_tools_are_told_whole() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "const": 2}}}
    asked = told(ASK, tools=[tool("f", description="설명", parameters=schema), tool("g")])
    assert asked["tools"] == [
        {"name": "f", "description": "설명", "input_schema": schema},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert "tool_choice" not in asked


def test_names_that_anthropic_refuses_are_told_apart_and_stay_the_same() -> None:
    names = ["a.b", "a:b", "a_b", "날씨", "天気", "x" * 200, "x" * 201]
    asked = told([*ASK, calling(call("c", "a:b")), result("c")], tools=[tool(n) for n in names])
    sent = [told_["name"] for told_ in asked["tools"]]
    assert violations(asked) == []
    assert sent[2] == "a_b"
    assert asked["messages"][1]["content"][0]["name"] == sent[1]
    alone = told(ASK, tools=[tool("a:b")])
    assert alone["tools"][0]["name"] == sent[1]


@given(st.lists(st.text(max_size=140)))
def test_every_name_has_one_of_its_own_and_the_way_back(given_names: list[str]) -> None:
    names = ToolNames()
    sent = {name: names.sent(name) for name in given_names}
    assert len(set(sent.values())) == len(sent)
    assert all(names.told(names.sent(name)) == name for name in given_names)


def test_a_name_that_looks_like_anothers_is_not_taken_for_it() -> None:
    names = ToolNames()
    first = names.sent("a.b")
    assert names.sent(first) != first
    assert names.told(names.sent(first)) == first


@given(st.lists(st.sampled_from(["a", "b", "", "가", "call_1"]), max_size=12))
def test_results_find_their_calls_in_order(ids: list[str]) -> None:
    calls = CallIds()
    sent = [calls.of_call(one) for one in ids]
    assert len(set(sent)) == len(sent)
    assert [calls.of_result(one) for one in ids] == sent
    assert calls.of_result("a") is None


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "a.b"}}, "tool"),
    ],
)
def test_every_choice_of_tools_is_told(choice: Any, expected: Any) -> None:
    asked = told(ASK, tools=[tool("a.b"), tool("g")], tool_choice=choice)
    name = asked["tools"][0]["name"]
    expected = {"type": "tool", "name": name} if expected == "tool" else expected
    assert asked["tool_choice"] == expected


def test_allowed_tools_leave_the_others_out() -> None:
    allowed = {"mode": "required", "tools": [tool("g")]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    asked = told(ASK, tools=[tool("f"), tool("g")], tool_choice=choice)
    assert [one["name"] for one in asked["tools"]] == ["g"]
    assert asked["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize("choice", [None, "auto", "required"])
def test_one_call_at_a_time_is_told(choice: Any) -> None:
    asked = told(ASK, tools=[tool("f")], tool_choice=choice, parallel_tool_calls=False)
    assert asked["tool_choice"]["disable_parallel_tool_use"] is True


def test_no_calls_at_all_need_no_word_of_parallel_ones() -> None:
    asked = told(ASK, tools=[tool("f")], tool_choice="none", parallel_tool_calls=False)
    assert asked["tool_choice"] == {"type": "none"}
    assert "tool_choice" not in told(ASK, parallel_tool_calls=False, tool_choice="auto")


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"tools": [{}]}, "name"),
        ({"tools": ["f"]}, "name"),
        ({"tools": {"f": 1}}, "list"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "custom"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search"),
        ({"tools": [tool("f"), tool("f")]}, "one name"),
        ({"tools": [tool("f", parameters="x")]}, "schema"),
        ({"tools": [tool("f")], "tool_choice": "any"}, "name"),
        ({"tools": [tool("f")], "tool_choice": tool("g")}, "g, which is not among"),
        ({"tool_choice": "required"}, "tools"),
        ({"tool_choice": tool("f")}, "f, which"),
    ],
)
def test_a_tool_or_choice_that_cannot_be_told_is_refused(params: Json, named: str) -> None:
    assert named in refusal(ASK, **params)


def test_nested_definitions_take_no_memory() -> None:
    ring = {"anyOf": [{"$ref": f"#/$defs/d{i}"} for i in range(4)]}
    schema = {"type": "object", "$defs": {f"d{i}": ring for i in range(12)}}
    assert len(json.dumps(told(ASK, tools=[tool("f", parameters=schema)]))) < 10_000
    deep: Json = {"type": "string"}
    for _ in range(25):
        deep = {"type": ["array", "array", "null"], "items": deep}
    schema = {"type": "object", "properties": {"deep": deep}}
    assert len(json.dumps(told(ASK, tools=[tool("f", parameters=schema, strict=True)]))) < 10_000
    for _ in range(40):
        deep = {"type": "array", "items": deep}
    assert "levels" in refusal(ASK, tools=[tool("f", parameters=deep)])


# Schemas that Anthropic enforces


def schema_of(schema: Json) -> Any:
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return told(ASK, response_format=response_format)["output_config"]["format"]["schema"]


def test_a_schema_is_enforced_as_anthropics_own_client_has_it() -> None:
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "나이"},
            "kind": {"const": "고양이"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
            "pet": {"oneOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}]},
            "home": {"$ref": "#/$defs/Pet", "description": "집"},
            "born": {"type": ["string", "null"], "format": "date", "enum": ["x", None]},
        },
        "required": ["age"],
        "$defs": {"Pet": {"type": "object", "properties": {"n": {"type": "string"}}}},
    }
    made = schema_of(schema)
    assert made["additionalProperties"] is False
    assert made["$defs"]["Pet"]["additionalProperties"] is False
    properties = made["properties"]
    assert properties["age"] == {"type": "integer", "description": '나이\n\n{"minimum":0}'}
    assert properties["kind"] == {"const": "고양이"}
    assert properties["tags"] == {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "description": '{"maxItems":3}',
    }
    assert properties["pet"] == {"anyOf": [{"$ref": "#/$defs/Pet"}, {"type": "null"}]}
    assert properties["home"] == {"description": "집", "anyOf": [{"$ref": "#/$defs/Pet"}]}
    one, other = properties["born"]["anyOf"]
    assert one == {"type": "string", "format": "date", "enum": ["x"]}
    assert other == {"type": "null", "enum": [None]}


@pytest.mark.parametrize(
    "schema", [{"type": "object"}, {"type": "object", "additionalProperties": {"type": "string"}}]
)
def test_an_object_with_free_keys_is_refused_because_it_would_stay_empty(schema: Json) -> None:
    response_format = {"type": "json_schema", "json_schema": {"schema": schema}}
    assert "free keys" in refusal(ASK, response_format=response_format)


def test_a_strict_tool_is_enforced_and_one_without_parameters_is_closed() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}
    strict, empty = told(
        ASK, tools=[tool("f", parameters=schema, strict=True), tool("g", strict=True)]
    )["tools"]
    assert strict["strict"] is True
    assert strict["input_schema"]["additionalProperties"] is False
    assert strict["input_schema"]["properties"]["n"] == {
        "type": "integer",
        "description": '{"maximum":9}',
    }
    assert empty["input_schema"]["additionalProperties"] is False


@pytest.mark.parametrize("given_format", ["json", {"type": "json_object"}, {"type": "json_schema"}])
def test_a_format_without_a_schema_is_refused(given_format: Any) -> None:
    assert "response_format" in refusal(ASK, response_format=given_format)


# Parameters


def test_without_a_limit_the_model_may_answer_as_much_as_it_can() -> None:
    assert told(ASK, limit=32_000)["max_tokens"] == 32_000
    assert told(ASK, limit=None)["max_tokens"] == 64_000
    assert told(ASK, "claude-3-haiku-20240307", None)["max_tokens"] == 4096
    assert told(ASK, "some-other-model", None)["max_tokens"] == 4096
    assert told(ASK, max_tokens=9, max_completion_tokens=7)["max_tokens"] == 7


def test_parameters_have_anthropics_names() -> None:
    asked = told(
        ASK,
        stop="끝",
        temperature=0.2,
        top_p=0.9,
        top_k=5,
        user="u1",
        service_tier="default",
    )
    told_ = {name: asked[name] for name in ("stop_sequences", "temperature", "top_p", "top_k")}
    assert told_ == {"stop_sequences": ["끝"], "temperature": 0.2, "top_p": 0.9, "top_k": 5}
    assert (asked["metadata"], asked["service_tier"]) == ({"user_id": "u1"}, "standard_only")
    assert told(ASK, metadata={"user_id": "u2", "a": "b"}, user="u")["metadata"] == {
        "user_id": "u2"
    }


def test_what_changes_nothing_is_left_out() -> None:
    defaults: Json = {
        "n": 1,
        "temperature": 1,
        "top_p": 1.0,
        "presence_penalty": 0,
        "store": None,
        "service_tier": "auto",
        "metadata": {},
        "prompt_cache_key": "k",
        "parallel_tool_calls": True,
        "response_format": {"type": "text"},
    }
    assert told(ASK, **defaults) == told(ASK)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"n": 2}, "n (other than 1)"),
        ({"seed": 1}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"audio": {"voice": "x"}, "modalities": ["text", "audio"]}, "audio, modalities"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"prediction": {"type": "content"}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"speed": "fast"}, "speed"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"reasoning_effort": "much"}, "reasoning_effort"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stop": 5}, "stop"),
        ({"thinking": "yes"}, "thinking"),
        ({"output_config": "high"}, "output_config"),
    ],
)
def test_a_parameter_without_a_meaning_for_claude_is_refused_by_name(
    params: Json, named: str
) -> None:
    assert named in refusal(ASK, **params)


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "told_effort"),
    [
        (NEW, "minimal", {"type": "adaptive", "display": "summarized"}, "low"),
        (NEW, "xhigh", {"type": "adaptive", "display": "summarized"}, "xhigh"),
        (NEW, "none", {"type": "disabled"}, None),
        ("claude-opus-4-6", "xhigh", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-mythos-preview", "max", {"type": "adaptive", "display": "summarized"}, "max"),
        (OLD, "low", {"type": "enabled", "budget_tokens": 4000}, None),
        (OLD, "high", {"type": "enabled", "budget_tokens": 16000}, None),
        ("claude-3-7-sonnet-20250219", "medium", {"type": "enabled", "budget_tokens": 10000}, None),
    ],
)
def test_the_effort_is_told_as_the_model_takes_it(
    model: str, effort: str, thinking: Json, told_effort: str | None
) -> None:
    asked = told(ASK, model, 20_000, reasoning_effort=effort)
    assert asked["thinking"] == thinking
    assert asked.get("output_config", {}).get("effort") == told_effort


def test_a_budget_leaves_room_for_the_answer_or_says_that_there_is_none() -> None:
    assert told(ASK, max_tokens=1025, reasoning_effort="low")["thinking"]["budget_tokens"] == 1024
    assert "1024" in refusal(ASK, max_tokens=1024, reasoning_effort="low")


def test_thinking_in_anthropics_own_words_stands() -> None:
    own = {"type": "enabled", "budget_tokens": 5000}
    assert told(ASK, thinking=own, reasoning_effort="high")["thinking"] == own
    config = {"effort": "max"}
    assert told(ASK, NEW, output_config=config)["output_config"] == config


def test_sampling_is_left_out_where_the_model_refuses_it() -> None:
    sampling: Json = {"temperature": 0.2, "top_p": 0.9, "top_k": 3}
    assert told(ASK, NEW, **sampling) == told(ASK, NEW)
    thinking = told(ASK, reasoning_effort="low", **sampling)
    assert thinking == told(ASK, reasoning_effort="low")


# Properties

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
IDS = st.sampled_from(["a", "b", "c.d", "c:d", "아이디"])
PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=3)
CONTENTS = TEXTS | PARTS
SAID = st.builds(
    lambda role, said: [{"role": role, "content": said}],
    st.sampled_from(["system", "developer", "user", "assistant"]),
    CONTENTS,
)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Json]:
    """Calls of the assistant and a result for each, in any order."""
    ids = draw(st.lists(IDS, min_size=1, max_size=3))
    calls = [call(one, draw(st.sampled_from(["f", "a.b", "a:b"]))) for one in ids]
    results = [result(one, draw(CONTENTS)) for one in draw(st.permutations(ids))]
    return [calling(*calls, text=draw(TEXTS)), *results]


CONVERSATIONS = st.lists(SAID | exchanges(), max_size=8).map(
    lambda turns: list(chain.from_iterable(turns))
)


def texts_in(messages: list[Json]) -> list[str]:
    """Every text that a client said and that is not blank."""
    found: list[str] = []
    for message in messages:
        parts = message["content"]
        found += [parts] if isinstance(parts, str) else [part["text"] for part in parts or ()]
    return sorted(text for text in found if text.strip())


def texts_told(asked: Json) -> list[str]:
    blocks = [*asked.get("system", ())]
    blocks += [block for turn in asked["messages"] for block in turn["content"]]
    found = []
    for block in blocks:
        inner = block.get("content", ()) if block["type"] == "tool_result" else [block]
        found += [inner] if isinstance(inner, str) else [b["text"] for b in inner if "text" in b]
    return sorted(text for text in found if text.strip())


@given(CONVERSATIONS, st.sampled_from([OLD, NEW]))
def test_whatever_is_said_is_told_without_loss_and_as_anthropic_takes_it(
    messages: list[Json], model: str
) -> None:
    try:
        asked = told(messages, model)
    except ProviderRefused as error:
        assert "without content" in str(error)  # noqa: PT017  both outcomes are right
        return
    assert violations(asked) == []
    assert texts_told(asked) == texts_in(messages)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "role", "content", "function", "name", "id", "file"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "refusal"]), ANYTHING)
    )
)
def test_no_message_however_odd_is_more_than_refused(messages: list[Json]) -> None:
    try:
        told(messages)
    except ProviderRefused:
        return


@given(
    st.sampled_from(["tools", "tool_choice", "response_format", "thinking", "stop", "metadata"]),
    ANYTHING,
)
def test_no_parameter_however_odd_is_more_than_refused(name: str, value: Any) -> None:
    try:
        told(ASK, **{name: value})
    except ProviderRefused:
        return


SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["object", "array", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "properties", "items", "anyOf", "oneOf", "allOf", "$ref", "$defs"),
                    *("format", "minItems", "minimum", "enum", "const", "description", "title"),
                    *("additionalProperties", "required"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(SCHEMAS)
def test_no_schema_however_odd_is_more_than_refused(schema: Any) -> None:
    for params in (
        {"tools": [tool("f", parameters=schema, strict=True)]},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
    ):
        try:
            json.dumps(told(ASK, **params))
        except ProviderRefused:
            continue
