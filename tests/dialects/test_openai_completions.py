"""``/v1/completions`` by OpenAI's client: texts that a server goes on from, or a chat's model."""

from __future__ import annotations

import openai
import pytest

from tests.conftest import User
from tests.dialects.openai_client import CLAUDE, GEMINI, GPT, alices, ledger_row
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

__all__ = ["alices"]
LOCAL = "local/played"
EACH = pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI, LOCAL])
PIECES = ["옛날 ", "옛적에 ", "虎が\u2028いた"]


@EACH
def test_a_text_is_gone_on_from(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    answer = alices.completions.create(model=model, prompt="이야기:", max_tokens=50)
    [choice] = answer.choices
    assert (choice.text, choice.finish_reason, choice.index) == ("".join(PIECES), "stop", 0)
    assert answer.object == "text_completion"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (21, 9)
    row = ledger_row()
    assert (row.input_tokens, row.output_tokens, row.usage_source) == (21, 9, "vendor")


@EACH
def test_it_streams(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(pieces=PIECES, usage=Tokens(input=21, output=9)))
    chunks = list(
        alices.completions.create(
            model=model, prompt="이야기:", stream=True, stream_options={"include_usage": True}
        )
    )
    *texts, last = chunks
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert "".join(chunk.choices[0].text for chunk in texts) == "".join(PIECES)
    assert texts[-1].choices[0].finish_reason == "stop"
    assert last.usage
    assert (last.choices, last.usage.completion_tokens) == ([], 9)
    assert ledger_row().output_tokens == 9


def test_a_server_of_ones_own_gets_the_text_itself(alices: openai.OpenAI, stage: Stage) -> None:
    alices.completions.create(
        model=LOCAL, prompt="def 더하기(a, b):", suffix="return 합", logprobs=3, echo=True
    )
    alices.completions.create(model=LOCAL, prompt=[[1, 2, 3], [4]])
    first, second = stage.calls_of(model="played")
    assert first.path == "/v1/completions"
    assert (first.body["prompt"], first.body["suffix"]) == ("def 더하기(a, b):", "return 합")
    assert (first.body["logprobs"], first.body["echo"]) == (3, True)
    assert second.body["prompt"] == [[1, 2, 3], [4]]


def test_a_chats_model_gets_it_as_what_a_user_says(alices: openai.OpenAI, stage: Stage) -> None:
    alices.completions.create(model=GPT, prompt=["계속해 줘"], temperature=0.5, echo=False)
    call = stage.wait_for_call()
    assert call.path == "/v1/chat/completions"
    assert call.body["messages"] == [{"role": "user", "content": "계속해 줘"}]
    assert call.body["temperature"] == 0.5
    assert not {"prompt", "echo"} & call.body.keys()


@pytest.mark.parametrize("field", ["suffix", "logprobs", "echo"])
def test_what_a_chat_does_not_have_is_refused_by_name(
    alices: openai.OpenAI, stage: Stage, field: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        alices.completions.create(model=GPT, prompt="안녕", extra_body={field: 1})
    assert refused.value.param == field
    with pytest.raises(openai.BadRequestError, match="single text"):
        alices.completions.create(model=GPT, prompt=["하나", "둘"])
    assert stage.calls == []


@pytest.mark.parametrize("model", [GPT, LOCAL])
def test_errors_are_openais(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    stage.next(Script(failure=Failure(429)))
    with pytest.raises(openai.RateLimitError):
        alices.completions.create(model=model, prompt="안녕")
    stage.next(Script(pieces=PIECES, cut=Cut(after_pieces=2)))
    with pytest.raises(openai.APIError) as broken:
        list(alices.completions.create(model=model, prompt="안녕", stream=True))
    assert broken.value.code == "incomplete"


def test_a_body_that_is_wrong_is_refused_by_name(alice: User) -> None:
    for body, param in (
        ({"prompt": "a"}, "model"),
        ({"model": GPT}, "prompt"),
        ({"model": GPT, "prompt": 3}, "prompt"),
        ({"model": GPT, "prompt": "a", "stream": "yes"}, "stream"),
        ({"model": GPT, "prompt": "a", "stream_options": 1}, "stream_options"),
    ):
        answer = alice.post("/v1/completions", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert alice.post("/v1/completions", json=["a"]).status_code == 400
