"""Gemini's answers in OpenAI's format: all that was said, how it ended, and what it used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage import Usage
from providers.events import ChunkReader, as_chunk
from providers.types import ChatRequest, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from providers.wires.gemini_translation.answers import Answer
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.gemini_translation.requests import request_body
from providers.wires.gemini_translation.usage import UsageReader, usage_of
from tests.providers.test_gemini_requests import JSON

THIRD = GeminiModel("google", "gemini-3-flash-preview")
Part = dict[str, Any]


def answer(choices: int = 1, tier: str | None = None) -> Answer:
    ids = (f"call_{number}" for number in count())
    return Answer(
        "gemini-2.5-flash", created=7, new_id=lambda: next(ids), choices=choices, tier=tier
    )


def response(parts: Sequence[Part], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate | more], "responseId": "r", "modelVersion": "gemini-2.5-flash"}


def events(responses: Sequence[dict[str, Any]]) -> list[Any]:
    reading, reader = answer(), ChunkReader()
    chunks = [chunk for told in responses if (chunk := reading.chunk(told))]
    return [*(event for chunk in chunks for event in reader.feed(chunk)), reader.finish()]


def whole(told: dict[str, Any]) -> dict[str, Any]:
    completion = answer().completion(told)
    assert completion is not None
    return completion


def message(parts: Sequence[Part], finish: str = "STOP") -> dict[str, Any]:
    made: dict[str, Any] = whole(response(parts, finish))["choices"][0]["message"]
    return made


def end_of(told: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = whole(told)["choices"][0]
    return {name: value for name, value in choice.items() if name not in {"index", "message"}}


SIGNATURES = st.none() | st.sampled_from(["c2ln", "bmF0"])
ARGUMENTS = st.dictionaries(
    st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=9), max_size=3
)


@st.composite
def model_turns(draw: st.DrawFn) -> list[Part]:
    """What a model says in one turn: thoughts, a text, calls; some of it signed."""
    parts: list[Part] = [
        {"text": text, "thought": True} for text in draw(st.lists(st.text(min_size=1), max_size=2))
    ]
    signature = draw(SIGNATURES)
    if text := draw(st.text(max_size=40)):
        parts.append({"text": text} | ({"thoughtSignature": signature} if signature else {}))
    for number, args in enumerate(draw(st.lists(ARGUMENTS, max_size=3))):
        call = {"functionCall": {"id": f"id{number}", "name": "weather", "args": args}}
        signature = draw(SIGNATURES) if number else "Zmlyc3Q="
        parts.append(call | ({"thoughtSignature": signature} if signature else {}))
    return parts


@given(model_turns())
def test_what_a_model_said_goes_back_to_it_as_it_was(parts: list[Part]) -> None:
    messages = [{"role": "user", "content": "?"}, message(parts)]
    contents = request_body(ChatRequest(messages), THIRD)["contents"]
    said = [part for part in parts if not part.get("thought")]
    assert [part for content in contents[1:] for part in content["parts"]] == said


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Part], list[dict[str, Any]]]:
    """A turn, and the same in events whose texts are cut anywhere."""
    parts = draw(model_turns())
    pieces: list[Part] = []
    for part in parts:
        text = part.get("text", "")
        at = draw(st.integers(0, len(text)))
        if "thoughtSignature" not in part and 0 < at < len(text):
            pieces += [{**part, "text": text[:at]}, {**part, "text": text[at:]}]
        else:
            pieces.append(part)
    responses = [response([piece]) for piece in pieces]
    return parts, [*responses, response([{"text": ""}], "STOP")]


@given(streams())
def test_a_stream_says_what_the_whole_answer_says(
    streamed: tuple[list[Part], list[dict[str, Any]]],
) -> None:
    parts, responses = streamed
    told = events(responses)
    once = message(parts)
    assert "".join(e.text for e in told if isinstance(e, TextDelta)) == (once["content"] or "")
    thoughts = "".join(e.text for e in told if isinstance(e, ReasoningDelta))
    assert thoughts == once.get("reasoning_content", "")
    calls = [(e.index, e.id, e.arguments) for e in told if isinstance(e, ToolCallDelta)]
    assert calls == [
        (i, call["id"], call["function"]["arguments"])
        for i, call in enumerate(once.get("tool_calls", ()))
    ]
    assert told[-1].reason == ("tool_calls" if calls else "stop")


@given(
    st.lists(st.dictionaries(st.sampled_from(["candidates", "usageMetadata"]), JSON), max_size=3)
)
def test_no_event_of_any_shape_breaks_the_reading(responses: list[dict[str, Any]]) -> None:
    events(responses)
    for told in responses:
        answer().completion(told)


CANDIDATES = st.fixed_dictionaries(
    {},
    optional={
        "content": JSON | st.fixed_dictionaries({"parts": JSON | st.lists(JSON)}),
        "index": JSON,
        "finishReason": JSON | st.just("STOP"),
        "logprobsResult": JSON,
    },
)


@given(st.lists(CANDIDATES, max_size=3))
def test_no_candidate_of_any_shape_breaks_the_reading(candidates: list[Any]) -> None:
    events([{"candidates": candidates}])


def test_the_first_delta_of_a_choice_has_its_role_and_no_empty_lists() -> None:
    reading = answer()
    first, second = (
        reading.chunk(response([{"text": "가"}])),
        reading.chunk(response([{"text": "나"}])),
    )
    assert first is not None
    assert second is not None
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": "가"}, "finish_reason": None}
    ]
    assert second["choices"][0]["delta"] == {"content": "나"}
    assert (first["id"], first["created"], first["model"]) == ("r", 7, "gemini-2.5-flash")


def test_equal_calls_have_ids_of_their_own() -> None:
    call = {"functionCall": {"name": "weather", "args": {"city": "서울"}}}
    same_id = {"functionCall": {"id": "x", "name": "weather"}}
    calls = message([call, call, same_id, same_id])["tool_calls"]
    assert len({call["id"] for call in calls}) == 4
    assert calls[2]["id"] == "x"
    assert calls[0]["function"] == {"name": "weather", "arguments": '{"city": "서울"}'}
    assert calls[2]["function"]["arguments"] == "{}"
    assert "index" not in calls[0]


def test_signatures_come_with_what_they_sign() -> None:
    told = message(
        [
            {"text": "", "thoughtSignature": "dGV4dA=="},
            {"functionCall": {"name": "weather"}, "thoughtSignature": "Y2FsbA=="},
        ]
    )
    assert told["extra_content"] == {"google": {"thought_signature": "dGV4dA=="}}
    signature = {"google": {"thought_signature": "Y2FsbA=="}}
    assert told["tool_calls"][0]["extra_content"] == signature


def test_a_picture_that_the_model_made_comes_as_a_data_url() -> None:
    told = message([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}])
    assert told["images"][0]["image_url"] == {"url": "data:image/png;base64,AAAA"}


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "incomplete"),
        ("UNEXPECTED_TOOL_CALL", "incomplete"),
        ("OTHER", "incomplete"),
        ("FINISH_REASON_UNSPECIFIED", "incomplete"),
        ("WHAT_COMES_NEXT_YEAR", "incomplete"),
    ],
)
def test_the_reason_of_the_end_is_told_truthfully(reason: str, told: str) -> None:
    ended = response([{"text": "가"}], reason)
    assert end_of(ended)["finish_reason"] == told
    finished = events([ended])[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == told


def test_an_end_that_is_not_plain_brings_the_vendors_words() -> None:
    words = {"finishMessage": "Malformed function call: print(x)"}
    assert end_of(response([], "MALFORMED_FUNCTION_CALL", **words)) == {
        "finish_reason": "incomplete",
        "native_finish_reason": "MALFORMED_FUNCTION_CALL",
        "native_finish_message": "Malformed function call: print(x)",
    }
    assert end_of(response([{"text": "가"}], "STOP", finishMessage="ok")) == {
        "finish_reason": "stop"
    }


def test_calls_end_with_tool_calls_also_if_the_end_comes_later() -> None:
    call = {"functionCall": {"name": "weather"}}
    assert events([response([call]), response([], "STOP")])[-1].reason == "tool_calls"
    assert events([response([call], "MAX_TOKENS")])[-1].reason == "length"


def test_a_blocked_prompt_ends_every_choice_with_the_vendors_words() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "금지된 내용"}
    told = {
        "promptFeedback": feedback,
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
    }
    chunk = answer(choices=2).chunk(told)
    assert chunk is not None
    assert chunk["choices"] == [
        {
            "index": index,
            "delta": {"role": "assistant"},
            "finish_reason": "content_filter",
            "native_finish_reason": "PROHIBITED_CONTENT",
            "native_finish_message": "금지된 내용",
        }
        for index in (0, 1)
    ]
    assert end_of(told)["finish_reason"] == "content_filter"
    assert whole(told)["usage"]["prompt_tokens"] == 9


def test_every_choice_has_its_own_calls_texts_and_end() -> None:
    reading = answer(choices=2)
    told = response([{"text": "가"}], "STOP")
    told["candidates"].append({"index": 1, "content": {"parts": [{"text": "나"}]}})
    chunk = reading.chunk(told)
    assert chunk is not None
    assert [c["delta"]["content"] for c in chunk["choices"]] == ["가", "나"]
    assert not reading.has_ended
    reading.chunk({"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]})
    assert reading.has_ended


def test_separators_and_halves_of_emoji_stay_what_they_are() -> None:
    told = [response([{"text": "가\u2028나\u2029다\x85"}]), response([{"text": "\ud83d"}])]
    told += [response([{"text": "\ude00!"}]), response([{"text": "\ud83d"}], "STOP")]
    texts = [event.text for event in events(told)[:-1]]
    assert texts == ["가\u2028나\u2029다\x85", "😀!", "\N{REPLACEMENT CHARACTER}"]


def test_probabilities_are_told_token_by_token() -> None:
    result = {
        "chosenCandidates": [{"token": "가", "tokenId": 5, "logProbability": -0.1}],
        "topCandidates": [{"candidates": [{"token": "가", "logProbability": -0.1}]}],
    }
    told = end_of(response([{"text": "가"}], "STOP", logprobsResult=result))
    token = {"token": "가", "logprob": -0.1, "bytes": [234, 176, 128]}
    assert told["logprobs"] == {"content": [{**token, "top_logprobs": [token]}], "refusal": None}


@pytest.mark.parametrize(
    ("tier", "told"), [("priority", "priority"), ("flex", "flex"), ("standard", None), (None, None)]
)
def test_the_tier_that_served_the_answer_is_told(tier: str | None, told: str | None) -> None:
    chunk = answer(tier=tier).chunk(response([{"text": "가"}]))
    assert chunk is not None
    assert chunk.get("service_tier") == told


USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "toolUsePromptTokenCount": 5,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 12,
    "totalTokenCount": 137,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 60},
        {"modality": "IMAGE", "tokenCount": 30},
        {"modality": "AUDIO", "tokenCount": 10},
    ],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}],
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 7}],
}


def test_usage_of_every_kind_is_counted_as_rini_counts() -> None:
    told = whole(response([{"text": "가"}], "STOP") | {"usageMetadata": USAGE})
    reader = ChunkReader()
    reader.feed(as_chunk(told))
    assert reader.usage == Usage.from_gemini(USAGE)
    assert reader.usage.input_tokens == 105
    assert reader.usage.output_tokens == 32
    assert told["usage"]["total_tokens"] == 137


COUNTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.integers(0, 99) | st.none()
        for name, value in USAGE.items()
        if isinstance(value, int)
    },
)


@given(st.lists(COUNTS, max_size=6))
def test_the_usage_of_each_event_is_read_as_if_it_were_the_only_one(told: list[Any]) -> None:
    reader = UsageReader()
    for usage in told:
        assert reader.read(usage) == (usage_of(usage) if usage else None)


def test_what_the_vendor_did_not_count_is_not_made_up() -> None:
    assert "usage" not in whole(response([{"text": "가"}], "STOP"))
    assert events([response([{"text": "가"}], "STOP")])[-1].usage == Usage()


@given(model_turns())
def test_every_chunk_can_be_sent_as_json(parts: list[Part]) -> None:
    told = response(parts, "STOP")
    assert json.loads(orjson.dumps(whole(told)))["choices"]
