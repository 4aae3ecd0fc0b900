from __future__ import annotations

import pytest
import tiktoken

from conversations.answering import context
from conversations.answering.choice import Choice
from conversations.tree import PathTurn
from providers import token_counts
from providers.catalogue import Route
from providers.types import Target

KOREAN = "이 서버는 대화를 나무처럼 저장하고 끊어진 답을 이어서 보여 줍니다. " * 10


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("claude-sonnet-4-5", "o200k_base"),
        ("", "o200k_base"),
    ],
)
@pytest.mark.parametrize("text", ["Hello, world", KOREAN, "你好，世界", "こんにちは世界"])
def test_tokens_are_counted_with_the_models_vocabulary(
    model: str, vocabulary: str, text: str
) -> None:
    counted = token_counts.count(text, model)  # from here on tiktoken knows where its files are
    assert counted == len(tiktoken.get_encoding(vocabulary).encode_ordinary(text))


def route(model: str) -> Route:
    target = Target(provider="openai", wire="openai", model=model, base_url="http://127.0.0.1")
    return Route(target, 1600, 0, None, vision=False, tools=False)


def turns() -> list[PathTurn]:
    roles = ("user", "assistant") * 2
    counted = token_counts.count(KOREAN)
    return [PathTurn(number, role, KOREAN, counted) for number, role in enumerate(roles, 1)]


def test_a_model_with_a_coarser_vocabulary_is_told_less_of_the_same_conversation(
    database: None,
) -> None:
    question = PathTurn(9, "user", KOREAN, token_counts.count(KOREAN))
    told = {
        model: context.of("", turns(), question, route(model), Choice())
        for model in ("gpt-4o", "gpt-4")
    }
    assert len(told["gpt-4o"].turns) == 5
    assert len(told["gpt-4"].turns) < 5
