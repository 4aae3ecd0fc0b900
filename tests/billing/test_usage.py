"""Usage as the vendors publish it (`usages/*.json`), and what Rini reads in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage import Usage

READERS = ("from_openai", "from_responses", "from_anthropic", "from_gemini")
CASES = [
    pytest.param(told["reader"], case["usage"], case["reads"], id=f"{path.stem}: {case['what']}")
    for path in sorted((Path(__file__).parent / "usages").glob("*.json"))
    for told in [json.loads(path.read_text())]
    for case in told["cases"]
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *("prompt_tokens", "completion_tokens", "prompt_tokens_details", "input_tokens"),
        *("cache_creation", "server_tool_use", "output_tokens_details", "promptTokenCount"),
        *("promptTokensDetails", "totalTokenCount", "cacheTokensDetails", "cached_tokens"),
    ]
)


@pytest.mark.parametrize(("reader", "usage", "reads"), CASES)
def test_what_a_vendor_publishes_is_read_in_one_convention(
    reader: str, usage: dict[str, Any], reads: dict[str, int]
) -> None:
    assert getattr(Usage, reader)(usage).as_dict() == reads


@pytest.mark.parametrize("reader", READERS)
def test_zero_is_a_value_and_missing_is_not_zero(reader: str) -> None:
    assert getattr(Usage, reader)({}) == Usage()
    zeros = {
        "from_openai": {"prompt_tokens": 0, "completion_tokens": 0},
        "from_gemini": {"promptTokenCount": 0, "candidatesTokenCount": 0},
    }.get(reader, {"input_tokens": 0, "output_tokens": 0})
    read = getattr(Usage, reader)(zeros)
    assert (read.input_tokens, read.output_tokens, read.cached_input_tokens) == (0, 0, None)


@pytest.mark.parametrize("reader", READERS)
@given(usage=st.dictionaries(NAMES, anything))
def test_nonsense_is_not_told_rather_than_wrong(reader: str, usage: dict[str, Any]) -> None:
    read = getattr(Usage, reader)(usage)
    assert all(type(count) is int and count >= 0 for count in read.as_dict().values())
