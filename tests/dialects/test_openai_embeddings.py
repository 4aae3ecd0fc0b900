from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import openai
import pytest

from providers.vendors import vendor
from tests.conftest import User
from tests.conversations.conftest import PROVIDER_KEY, add_keys
from tests.dialects.openai_client import alices, ledger_row
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage
from tests.vendors.vectors import vector

__all__ = ["alices"]
SMALL = "openai/text-embedding-3-small"
GEMINI = "google/gemini-embedding-001"
TEXTS = ["고양이", "猫です", "a cat"]


def close(got: list[float], expected: list[float]) -> bool:
    return got == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("model", [SMALL, GEMINI])
def test_texts_become_vectors(alices: openai.OpenAI, stage: Stage, model: str) -> None:
    raw = alices.embeddings.with_raw_response.create(model=model, input=TEXTS, dimensions=64)
    answer = raw.parse()
    assert [item.index for item in answer.data] == [0, 1, 2]
    for item, text in zip(answer.data, TEXTS, strict=True):
        assert close(item.embedding, vector(text, 64))
    row = ledger_row()
    assert (row.purpose, row.status, row.output_tokens) == ("embedding", "completed", 0)
    assert row.usage_source == ("vendor" if model == SMALL else "estimated")
    assert answer.usage.prompt_tokens == row.input_tokens
    assert float(raw.headers["x-rini-cost"]) > 0
    assert float(raw.headers["x-rini-overhead-ms"]) > 0
    assert stage.wait_for_call().key == PROVIDER_KEY


@pytest.mark.parametrize("model", [SMALL, GEMINI])
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_come_in_the_encoding_that_was_asked_for(
    alice: User, stage: Stage, model: str, encoding: str
) -> None:
    add_keys(alice)
    body = {"model": model, "input": "고양이", "encoding_format": encoding, "dimensions": 8}
    answer = alice.post("/v1/embeddings/", json=body)
    assert answer.status_code == 200, answer.text
    [item] = answer.json()["data"]
    got = item["embedding"]
    if encoding == "base64":
        got = list(struct.unpack("<8f", base64.b64decode(got)))
    assert close(got, vector("고양이", 8))
    assert item["object"] == "embedding"


def test_without_a_word_on_the_encoding_they_are_numbers(alice: User, stage: Stage) -> None:
    add_keys(alice)
    answer = alice.post("/v1/embeddings", json={"model": SMALL, "input": "고양이"}).json()
    assert close(answer["data"][0]["embedding"], vector("고양이", 1536))
    assert stage.wait_for_call().body.keys() == {"model", "input"}


def test_unknown_fields_go_to_the_vendor(alices: openai.OpenAI, stage: Stage) -> None:
    alices.embeddings.create(model=SMALL, input="x", user="사용자", extra_body={"brand_new": [1]})
    body = stage.wait_for_call().body
    assert (body["user"], body["brand_new"], body["input"]) == ("사용자", [1], ["x"])


@pytest.mark.parametrize(
    ("tokens", "sent"), [([1, 2, 3], [[1, 2, 3]]), ([[1, 2], [3]], [[1, 2], [3]])]
)
def test_token_ids_go_to_vendors_that_take_them(
    alices: openai.OpenAI, stage: Stage, tokens: Any, sent: list[list[int]]
) -> None:
    answer = alices.embeddings.create(model=SMALL, input=tokens)
    assert len(answer.data) == len(sent)
    assert stage.wait_for_call().body["input"] == sent


def test_token_ids_are_refused_where_only_texts_are_taken(
    alices: openai.OpenAI, stage: Stage
) -> None:
    with pytest.raises(openai.BadRequestError, match="texts only"):
        alices.embeddings.create(model=GEMINI, input=[1, 2, 3])
    assert stage.calls == []


def test_many_inputs_are_asked_in_batches_and_answered_in_order(
    alices: openai.OpenAI, stage: Stage
) -> None:
    most = vendor("google").inputs_per_embedding_call
    texts = [f"{number}번 문서" for number in range(2 * most + 1)]
    answer = alices.embeddings.create(model=GEMINI, input=texts, dimensions=16)
    assert [item.index for item in answer.data] == list(range(len(texts)))
    for item, text in zip(answer.data, texts, strict=True):
        assert close(item.embedding, vector(text, 16))
    assert [len(call.body["requests"]) for call in stage.calls] == [100, 100, 1]
    assert ledger_row().status == "completed"


def test_the_usage_of_batches_is_added_up(alices: openai.OpenAI, stage: Stage) -> None:
    texts = ["안녕하세요"] * 2050
    answer = alices.embeddings.create(model=SMALL, input=texts, dimensions=2)
    assert [len(call.body["input"]) for call in stage.calls] == [2048, 2]
    row = ledger_row()
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == row.input_tokens == 2050
    assert row.usage_source == "vendor"


def test_the_batches_before_a_failed_one_are_paid(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(), Script(failure=Failure(500)))
    with pytest.raises(openai.InternalServerError):
        alices.embeddings.create(model=SMALL, input=["안녕하세요"] * 2050, dimensions=2)
    row = ledger_row()
    assert (row.status, row.input_tokens, row.usage_source) == ("failed", 2048, "vendor")


def test_of_embeddings_that_failed_at_once_the_vendor_has_told_no_usage(
    alices: openai.OpenAI, stage: Stage
) -> None:
    stage.next(Script(failure=Failure(500)))
    with pytest.raises(openai.InternalServerError):
        alices.embeddings.create(model=SMALL, input=["안녕하세요"], dimensions=2)
    row = ledger_row()
    assert (row.status, row.input_tokens, row.usage_source) == ("failed", 0, "estimated")


def test_vectors_that_come_out_of_order_are_put_in_order(alice: User, stage: Stage) -> None:
    data = [{"index": i, "embedding": [float(i)]} for i in (2, 0, 1)]
    add_keys(alice)
    stage.next(Script(raw=json.dumps({"data": data, "brand_new": "값"}).encode()))
    answer = alice.post("/v1/embeddings", json={"model": SMALL, "input": TEXTS}).json()
    assert [item["embedding"] for item in answer["data"]] == [[0.0], [1.0], [2.0]]
    assert answer["brand_new"] == "값"


def test_an_answer_with_too_few_vectors_is_a_failure(alices: openai.OpenAI, stage: Stage) -> None:
    raw = {"data": [{"index": 0, "embedding": [1.0]}], "model": "m"}
    stage.next(Script(raw=json.dumps(raw).encode()))
    with pytest.raises(openai.InternalServerError) as caught:
        alices.embeddings.create(model=SMALL, input=TEXTS)
    assert caught.value.code == "provider_failed"
    assert ledger_row().status == "failed"


@pytest.mark.parametrize("given", [None, "", [], [""], [[]], [1.5], [True], {"a": 1}])
def test_an_input_that_makes_no_sense_is_refused(alice: User, given: Any) -> None:
    answer = alice.post("/v1/embeddings", json={"model": SMALL, "input": given})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input"


def test_a_chat_model_makes_no_embeddings(alices: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        alices.embeddings.create(model="openai/gpt-4o-mini", input="x")
    assert (caught.value.code, caught.value.param) == ("model_wrong_kind", "model")


def native(user: User, **body: Any) -> httpx.Response:
    return user.post("/llm/embeddings/", json=body)


@pytest.mark.parametrize("given", ["고양이", TEXTS])
def test_the_native_api_makes_embeddings_too(alice: User, stage: Stage, given: Any) -> None:
    add_keys(alice)
    answer = native(alice, input=given, provider="openai", model="text-embedding-3-small")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    texts = [given] if isinstance(given, str) else given
    assert [item["index"] for item in body["data"]] == list(range(len(texts)))
    for item, text in zip(body["data"], texts, strict=True):
        assert item.keys() == {"embedding", "index"}
        assert close(item["embedding"], vector(text, 1536))
    row = ledger_row()
    assert body["usage"] == {"prompt_tokens": row.input_tokens, "total_tokens": row.input_tokens}
    assert body["model"] == "text-embedding-3-small"


@pytest.mark.parametrize("given", [None, "", [], [""], [5], 5, {"a": 1}, [["a"]]])
def test_the_native_api_takes_texts_only(alice: User, given: Any) -> None:
    answer = native(alice, input=given, provider="openai", model="text-embedding-3-small")
    assert answer.status_code == 400
    assert all(field.startswith("input") for field in answer.json()["errors"])
