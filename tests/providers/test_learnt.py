"""A parameter that a model refuses is not asked of it twice."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from billing.models import UsageRecord
from providers.refusals import from_response
from tests.conftest import User
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

ASK = [{"role": "user", "content": "몇 도예요?"}]


def unsupported(name: str, code: str | None = "unsupported_parameter") -> Script:
    """As OpenAI says it."""
    told = f"Unsupported parameter: '{name}' is not supported with this model."
    return _refusing({"error": {"message": told, "param": name, "code": code}})


def _refusing(body: object, status: int = 400) -> Script:
    return Script(failure=Failure(status, body))


IN_OTHER_WORDS: dict[str, Script] = {
    "code": unsupported("temperature"),
    "value": _refusing(
        {
            "error": {
                "message": "Only the default (1) value is supported.",
                "param": "temperature",
                "code": "unsupported_value",
            }
        }
    ),
    "no code": _refusing({"error": {"message": "`temperature` is deprecated for this model."}}),
    "fastapi": _refusing(
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "temperature"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
        422,
    ),
    "plain": _refusing({"error": "Unrecognized request argument supplied: temperature"}),
}


@pytest.fixture
def model() -> str:
    """A model of which no test has learnt anything."""
    return f"배우는-모델-{uuid4()}"


def ask(user: User, model: str, **params: Any) -> httpx.Response:
    body = {"model": f"local/{model}", "messages": ASK, **params}
    return user.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("words", IN_OTHER_WORDS)
def test_it_is_asked_again_without_and_from_then_on(
    alice: User, stage: Stage, model: str, words: str, stream: bool
) -> None:
    stage.next(IN_OTHER_WORDS[words], model=model)
    answer = ask(alice, model, temperature=0.3, seed=7, stream=stream)
    assert answer.status_code == 200, answer.text
    refused, taken = stage.calls
    assert refused.body["temperature"] == 0.3
    assert taken.body == {k: v for k, v in refused.body.items() if k != "temperature"}
    assert UsageRecord.objects.get().status == "completed"
    assert ask(alice, model, temperature=0.3, stream=stream).status_code == 200
    assert len(stage.calls) == 3
    assert "temperature" not in stage.calls[-1].body


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")],
)
def test_a_limit_is_asked_by_its_other_name(
    alice: User, stage: Stage, model: str, given: str, wanted: str
) -> None:
    stage.next(unsupported(given), model=model)
    assert ask(alice, model, **{given: 99}).status_code == 200
    body = stage.calls[-1].body
    assert (body.get(given), body[wanted]) == (None, 99)


def test_a_model_may_refuse_one_after_the_other(alice: User, stage: Stage, model: str) -> None:
    stage.next(unsupported("max_tokens"), unsupported("temperature"), model=model)
    answer = ask(alice, model, max_tokens=99, temperature=0, top_p=0.5)
    assert answer.status_code == 200
    assert stage.calls[-1].body.keys() >= {"max_completion_tokens", "top_p"}
    assert not stage.calls[-1].body.keys() & {"max_tokens", "temperature"}


def test_a_server_that_knows_neither_name_is_not_asked_for_ever(
    alice: User, stage: Stage, model: str
) -> None:
    stage.next(unsupported("max_tokens"), unsupported("max_completion_tokens"), model=model)
    assert ask(alice, model, max_tokens=99).status_code == 400
    assert len(stage.calls) == 2


def test_a_refusal_that_only_quotes_its_caller_teaches_nothing(
    alice: User, bob: User, stage: Stage, model: str
) -> None:
    stage.next(*[unsupported("temperature")] * 2, model=model)
    assert ask(alice, model, temperature=1, tools=[]).status_code == 400
    assert ask(bob, model, temperature=0.3).status_code == 200
    assert stage.calls[-1].body["temperature"] == 0.3


OUT_OF_BOUNDS = {
    "message": "Invalid 'temperature': must be at most 2.",
    "param": "temperature",
    "code": "decimal_above_max_value",
}


@pytest.mark.parametrize(
    ("params", "script"),
    [
        ({"temperature": 5}, _refusing({"error": OUT_OF_BOUNDS})),
        ({"stop": ["。"]}, unsupported("stop")),
        ({"response_format": {"type": "json_object"}}, unsupported("response_format")),
        ({"seed": 1}, unsupported("temperature")),
    ],
)
def test_what_the_caller_has_to_change_is_told(
    alice: User, stage: Stage, model: str, params: dict[str, Any], script: Script
) -> None:
    stage.always(script, model=model)
    answer = ask(alice, model, **params)
    assert answer.status_code == 400
    assert len(stage.calls) == 1


def test_a_refusal_that_says_nothing_of_support_names_nothing() -> None:
    assert from_response("openai", 400, {"error": OUT_OF_BOUNDS}).status == 400
    told = {"error": {"code": "context_length_exceeded", "message": "max_tokens not supported"}}
    assert getattr(from_response("openai", 400, told), "unsupported", "") == ""
