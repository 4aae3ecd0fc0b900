"""Servers whose limits a test can reach in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from billing.models import Hold
from conversations.models import Generation
from tests.conversations.conftest import eventually
from tests.rini_server import RiniServer


@pytest.fixture(scope="module")
def hasty_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A server that waits for nobody for long, and takes few connections of one address."""
    return start_server(
        REQUEST_HEAD_SECONDS="1.5",
        REQUEST_BODY_SECONDS="1.5",
        STALLED_READER_SECONDS="2",
        SOCKET_AUTHENTICATION_SECONDS="1",
        MAX_CONNECTIONS="60",
        PASSWORDS_AT_ONCE="1",
        PASSWORD_WAIT_SECONDS="0.3",
        DATABASE_POOL_SIZE="4",
    )


@pytest.fixture(autouse=True)
def _quiet(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every answer has come to an end, and no hold is left, before the tables are emptied."""
    yield
    if "database" in request.fixturenames:
        eventually(lambda: not Generation.objects.filter(status="running").exists())
        eventually(lambda: not Hold.objects.exists())


@pytest.fixture(scope="module")
def few_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    """A server that takes five connections of an address, of this machine's too."""
    return start_server(MAX_CONNECTIONS_PER_ADDRESS="5", TRUSTED_PROXIES="192.0.2.1")


@pytest.fixture(scope="module")
def guests_server(start_server: Callable[..., RiniServer]) -> RiniServer:
    return start_server(ANONYMOUS_ACCESS="true", DEFAULT_MODEL="demo/demo")
