from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import ProviderRefused
from providers.wires import parameters, schemas
from providers.wires.parameters import meaningful

DEFAULTS: dict[str, Any] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0.0,
    "logprobs": False,
    "logit_bias": {},
    "modalities": ["text"],
    "response_format": {"type": "text"},
    "stop": [],
    "store": False,
    "tools": [],
    "top_logprobs": 0,
    "seed": None,
    "metadata": {"label": "실험"},
    "prompt_cache_key": "k",
    "stream": True,
    "stream_options": {"include_usage": True},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_what_changes_nothing_is_left_out() -> None:
    assert meaningful({**DEFAULTS, "temperature": 0, "top_p": 1}) == {"temperature": 0, "top_p": 1}


@pytest.mark.parametrize(
    ("name", "value"), [("n", True), ("n", 2), ("logprobs", 0), ("store", True), ("n", "1")]
)
def test_what_looks_like_a_default_and_is_none_stays(name: str, value: object) -> None:
    assert meaningful({name: value}) == {name: value}


def test_labels_stay_for_a_vendor_that_takes_them() -> None:
    assert meaningful({"metadata": {"user_id": "u"}}, keep={"metadata"}) != {}


def test_every_parameter_that_is_not_known_is_named() -> None:
    with pytest.raises(ProviderRefused) as caught:
        parameters.check_known({"seed": 1, "n": 3, "top_p": 1}, {"top_p"}, "anthropic")
    assert str(caught.value) == "anthropic takes no parameter n (other than 1), seed."
    assert caught.value.errors == {"n": [str(caught.value)]}


def test_of_two_limits_of_the_output_the_smaller_holds() -> None:
    limits = {"max_tokens": 9, "max_completion_tokens": 5}
    assert parameters.output_limit(limits, "anthropic") == 5
    assert parameters.output_limit({"max_tokens": 9}, "anthropic") == 9
    assert parameters.output_limit({"max_tokens": None}, "anthropic") is None


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "8", [8]])
def test_a_limit_is_a_whole_number_above_zero(value: object) -> None:
    with pytest.raises(ProviderRefused, match="max_tokens as a whole number"):
        parameters.output_limit({"max_tokens": value}, "anthropic")


def test_stops_are_a_text_or_several() -> None:
    assert parameters.stop_sequences({"stop": "끝"}, "anthropic") == ["끝"]
    assert parameters.stop_sequences({"stop": ["a", "b"]}, "anthropic") == ["a", "b"]
    assert parameters.stop_sequences({}, "anthropic") == []
    with pytest.raises(ProviderRefused, match="stop as a text"):
        parameters.stop_sequences({"stop": [1]}, "anthropic")


def test_one_of_some_words_is_taken() -> None:
    choice = {"reasoning_effort": "low"}
    assert parameters.choice_of(choice, "reasoning_effort", ("low", "high"), "x") == "low"
    with pytest.raises(ProviderRefused, match="one of low, high"):
        parameters.choice_of(
            {"reasoning_effort": ["low"]}, "reasoning_effort", ("low", "high"), "x"
        )


@given(JSON)
def test_an_ordinary_schema_is_within_the_bounds(schema: Any) -> None:
    schemas.check_bounds(schema, "tools", "anthropic")


def nested(levels: int) -> Any:
    schema: Any = "x"
    for _ in range(levels):
        schema = [schema]
    return schema


def test_nesting_is_bounded_and_needs_no_stack() -> None:
    schemas.check_bounds(nested(schemas.MAX_DEPTH - 1), "tools", "anthropic")
    for levels in (schemas.MAX_DEPTH, 100_000):
        with pytest.raises(ProviderRefused, match="tools of more than 64 levels"):
            schemas.check_bounds(nested(levels), "tools", "anthropic")


def test_the_number_of_values_is_bounded() -> None:
    wide = [[0] * 1000] * (schemas.MAX_NODES // 1000 - 1)
    schemas.check_bounds(wide, "tools", "anthropic")
    with pytest.raises(ProviderRefused, match="values"):
        schemas.check_bounds(wide * 2, "tools", "anthropic")


@pytest.mark.parametrize("value", [{"description": "가" * 800_000}, {"가" * 800_000: 1}])
def test_the_bytes_are_bounded(value: Any) -> None:
    with pytest.raises(ProviderRefused, match="bytes"):
        schemas.check_bounds(value, "response_format", "anthropic")


def test_a_schema_without_a_type_is_an_objects() -> None:
    assert schemas.object_schema(None, "tools", "x") == {"type": "object", "properties": {}}
    assert schemas.object_schema({"properties": {"a": {}}}, "tools", "x") == {
        "type": "object",
        "properties": {"a": {}},
    }
    assert schemas.object_schema({"type": "object", "const": 1}, "tools", "x")["const"] == 1
    with pytest.raises(ProviderRefused, match="JSON schema"):
        schemas.object_schema("text", "tools", "x")
