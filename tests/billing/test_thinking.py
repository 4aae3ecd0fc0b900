"""What a model thinks is billed, also to whoever leaves before it tells how much that was."""

from __future__ import annotations

import json
import time

import pytest

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually
from tests.dialects.openai_client import ASK, CLAUDE
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

THOUGHT = Script(
    pieces=["조각 "] * 30, delay=0.02, usage=Tokens(input=20, output=20_030, reasoning=20_000)
)


def leave_after(pieces: int, user: User, model: str, **body: object) -> UsageRecord:
    asked = {"model": model, "messages": ASK, "stream": True, **body}
    with user.stream("POST", "/v1/chat/completions", json=asked) as answer:
        came = 0
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                came += any(choice["delta"].get("content") for choice in choices)
            if came == pieces:
                break
    record: UsageRecord = eventually(UsageRecord.objects.first)
    return record


@pytest.mark.parametrize(
    ("model", "body"), [("openai/o3", {}), (CLAUDE, {"reasoning_effort": "high"})]
)
@pytest.mark.parametrize("pieces", [1, 29])
def test_thinking_is_charged_to_who_leaves_early(
    pieces: int, model: str, body: dict[str, object], alice: User, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(THOUGHT)
    record = leave_after(pieces, alice, model, **body)
    assert (record.status, record.usage_source) == ("stopped", "vendor")
    assert record.output_tokens == 20_030


def test_what_does_not_come_in_time_is_estimated_by_the_time(alice: User, stage: Stage) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["조각 "] * 30, delay=0.7))
    record = leave_after(2, alice, "openai/o3")
    assert (record.status, record.usage_source) == ("stopped", "estimated")
    assert record.output_tokens is not None
    assert record.output_tokens > 300
    assert stage.wait_for_call().wait_closed(5)


def test_the_estimate_is_no_more_than_was_held(alice: User, stage: Stage) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["조각 "] * 30, delay=0.7))
    record = leave_after(2, alice, "openai/o3", max_completion_tokens=50)
    assert record.output_tokens == 50


def test_a_model_that_does_not_think_is_left_at_once(alice: User, stage: Stage) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["조각 "] * 30, delay=0.1))
    record = leave_after(2, alice, "openai/gpt-4o-mini")
    assert record.usage_source == "estimated"
    assert (record.output_tokens or 0) < 30
    began = time.monotonic()
    assert stage.wait_for_call().wait_closed(5)
    assert time.monotonic() - began < 5
