from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.conftest import User
from tests.dialects.replay import FOLDER, Exchange, Replay, read
from tests.vendors.stage import Stage

transcripts = pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda p: p.stem)


def with_slash(exchange: Exchange) -> Exchange:
    path, mark, query = exchange.path.partition("?")
    exchange.path = f"{path}/{mark}{query}"
    return exchange


@transcripts
def test_every_exchange_is_as_recorded(path: Path, alice: User, stage: Stage) -> None:
    replay = Replay(alice, stage)
    for exchange in read(path):
        replay.play(exchange)


@transcripts
def test_addresses_with_a_trailing_slash_answer_the_same(
    path: Path, alice: User, stage: Stage
) -> None:
    replay = Replay(alice, stage)
    for exchange in read(path):
        replay.play(with_slash(exchange))


@transcripts
def test_without_a_token_every_route_but_login_and_health_is_closed(
    path: Path, client: httpx.Client
) -> None:
    key = "error" if path.stem == "conversation_rag" else "detail"
    for exchange in read(path):
        if exchange.path.startswith(("/api/users", "/health", "/api/health")):
            continue
        answer = client.request(exchange.method, exchange.path, content=exchange.body)
        assert answer.status_code == 401, exchange
        assert list(answer.json()) == [key]
        assert answer.headers["www-authenticate"] == "Bearer"
