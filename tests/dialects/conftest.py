"""Servers beside the shared one, whose operators chose differently, and quiet at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from billing.models import Hold
from conversations.models import Generation
from tests.conversations.conftest import eventually
from tests.rini_server import RiniServer, free_port

OPERATORS_KEY = "sk-operator"


@pytest.fixture(scope="module")
def other_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """No own model server but a default model, and a key for it; no usual parameters; guests."""
    return start_server(
        LLM_SERVER_URL="",
        DEFAULT_MODEL="openai/gpt-4o-mini",
        OPENAI_API_KEY=OPERATORS_KEY,
        DEFAULT_TEMPERATURE="",
        DEFAULT_MAX_TOKENS="",
        ONE_SHOT_MAX_TOKENS="",
        STREAM_KEEPALIVE_SECONDS="0.1",
        ANONYMOUS_ACCESS="true",
    )


@pytest.fixture(scope="module")
def lonely_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """An own model server that is not there, and a key that OpenAI refuses."""
    return start_server(
        LLM_SERVER_URL=f"http://127.0.0.1:{free_port()}",
        LLM_MODEL="이름-붙인-모델",
        DEFAULT_MODEL="gpt-4o-mini",
        OPENAI_API_KEY="sk-refused",
    )


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every answer has come to an end, and no hold is left, before the tables are emptied."""
    yield
    if "database" in request.fixturenames:
        eventually(lambda: not Generation.objects.filter(status="running").exists())
        eventually(lambda: not Hold.objects.exists())
