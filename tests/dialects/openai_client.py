"""The official client as a caller of Rini, and what its calls leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from billing.models import Hold, UsageRecord
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually, stored

GPT = "openai/gpt-4o-mini"
CLAUDE = "anthropic/claude-sonnet-4-5"
GEMINI = "google/gemini-2.5-flash"
OTHERS = pytest.mark.parametrize("model", [CLAUDE, GEMINI])
ASK: list[Any] = [{"role": "user", "content": "오늘 날씨 어때?"}]


def client_of(user: User, token: str = "") -> openai.OpenAI:
    """A client that does not try again, so that a test sees what happened."""
    return openai.OpenAI(
        base_url=user.base_url.join("/v1"), api_key=token or user.token, max_retries=0, timeout=30
    )


@pytest.fixture
def alices(alice: User) -> Iterator[openai.OpenAI]:
    """Alice's client; she has keys for every played vendor. In the end no hold is left."""
    add_keys(alice)
    with client_of(alice) as client:
        yield client
    eventually(lambda: not Hold.objects.exists())


def ledger_row() -> UsageRecord:
    """The only row, and the only thing that was stored."""
    row: UsageRecord = eventually(UsageRecord.objects.first)
    assert stored() == (0, 0, 0, 1)
    return row
