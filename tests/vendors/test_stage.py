"""The played vendor of OpenAI's format, as OpenAI's own client sees it."""

from __future__ import annotations

import openai
import pytest

from tests.vendors.script import Failure, Script, Tokens, ToolCall
from tests.vendors.stage import Stage


@pytest.fixture
def client(stage: Stage) -> openai.OpenAI:
    return openai.OpenAI(base_url=stage.openai_url, api_key="sk-test-000000", max_retries=0)


def test_openais_client_reads_a_stream(stage: Stage, client: openai.OpenAI) -> None:
    stage.next(
        Script(pieces=["안", "녕"], tool_calls=[ToolCall("a", "f", "{}")], usage=Tokens(3, 2))
    )
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "x"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "안녕"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 5


def test_openais_client_reads_answers_embeddings_models_and_errors(
    stage: Stage, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "다시 말해"}]
    )
    assert answer.choices[0].message.content == "다시 말해"
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["하나", "二"])
    assert [len(row.embedding) for row in vectors.data] == [1536, 1536]
    assert len(client.models.list().data) > 0
    stage.next(Script(failure=Failure(404)))
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def test_texts_that_share_characters_lie_closer_than_others(client: openai.OpenAI) -> None:
    rows = client.embeddings.create(
        model="text-embedding-3-small",
        input=["서울의 날씨가 맑다", "서울의 날씨가 흐리다", "東京の電車"],
    ).data
    first, near, far = (row.embedding for row in rows)
    assert sum(a * b for a, b in zip(first, near, strict=True)) > sum(
        a * b for a, b in zip(first, far, strict=True)
    )
