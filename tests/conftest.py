"""The cast and the stage. Tests speak to a real server over real sockets.

`alice` owns things, `bob` is another user, `olga` operates. The vendors behind the server are
played by real HTTP servers (`stage`). After each test the database is emptied of what users made.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, settings
from psycopg.errors import DeadlockDetected

from tests.rini_server import RiniServer
from tests.vendors.fixture import stage, stage_server
from tests.vendors.stage import Stage

__all__ = ["stage", "stage_server"]
# On a busy machine the first examples of a property take seconds to make; nothing is timed here.
settings.register_profile("rini", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rini")
UsersTables = (
    *("accounts_user", "billing_hold", "billing_usagerecord", "billing_rollup"),
    *("billing_budget", "rini_idempotentrequest", "accounts_securityevent"),
)


class User(httpx.Client):
    """An account's client: its token goes along with every request."""

    def __init__(self, server: RiniServer, account: dict[str, Any]) -> None:
        self.user_id: str = account["id"]
        self.token: str = account["access_token"]
        self.account = account
        super().__init__(
            base_url=server.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """A call that leaves this machine is a defect of the test or of Rini: it fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any, /) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_local(address[0]):
            raise AssertionError(f"a call off this machine, to {address}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]  # the guard is the point
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


def _is_local(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


@pytest.fixture(scope="session")
def database(django_db_blocker: Any) -> Iterator[None]:
    """The test database, open to the whole run: what a test stores is committed.

    (pytest-django's own set-up wraps each test in a transaction, which a server in another process
    could not see.)
    """
    with django_db_blocker.unblock():
        name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        yield
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")  # a heart may still beat in it


@pytest.fixture(scope="session")
def server_environment(database: None, stage_server: Stage) -> dict[str, str]:
    """The environment of a server that uses the test database and the played vendors."""
    parameters = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**parameters)
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": "10",
        "OPENAI_BASE_URL": stage_server.openai_url,
        "ANTHROPIC_BASE_URL": stage_server.anthropic_url,
        "GOOGLE_BASE_URL": stage_server.google_url,
        "OPENROUTER_BASE_URL": stage_server.openai_url,
        "LLM_SERVER_URL": stage_server.openai_url,
        "DEMO_TOKENS_PER_SECOND": "0",
        # A worker would call vendors for them while another test counts the calls.
        "AUTO_TITLE": "false",
        "MEMORY_EXTRACTION": "false",
        "PROCESS_DEAD_AFTER_SECONDS": "3",
        "LOG_FORMAT": "json",
        # As on a machine of one's own: the tests' people come from one address, and open accounts.
        "OPEN_REGISTRATION": "true",
        "ADMIN_SECOND_FACTOR": "offered",
        "REGISTRATIONS_PER_HOUR": "0",
        "LEND_OPERATOR_KEYS": "always",
    }


@pytest.fixture(scope="module")
def start_server(server_environment: dict[str, str]) -> Iterator[Callable[..., RiniServer]]:
    """Starts a further web process, which lives as long as its module's tests; keywords are
    variables of its environment."""
    started: list[RiniServer] = []

    def start(**variables: str) -> RiniServer:
        started.append(RiniServer({**server_environment, **variables}))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def server(server_environment: dict[str, str]) -> Iterator[RiniServer]:
    """The web process that most tests share."""
    shared = RiniServer(server_environment)
    yield shared
    shared.kill()


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "database" in request.fixturenames:
        _empty_database()
        connection.close()


def _empty_database(attempts: int = 5) -> None:
    """A server's transaction that still reads may hold one table and wait for another."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(UsersTables)} CASCADE")
    except OperationalError as error:
        if attempts == 1 or not isinstance(error.__cause__, DeadlockDetected):
            raise
        _empty_database(attempts - 1)


@pytest.fixture
def client(server: RiniServer, database: None) -> Iterator[httpx.Client]:
    """A caller without an account."""
    with httpx.Client(base_url=server.url, timeout=30) as anybody:
        yield anybody


@pytest.fixture
def new_user(server: RiniServer, client: httpx.Client) -> Iterator[Callable[..., User]]:
    """Makes an account; keywords are the body of ``POST /users/``."""
    made: list[User] = []

    def make(**body: Any) -> User:
        made.append(User(server, client.post("/users/", json=body).raise_for_status().json()))
        return made[-1]

    yield make
    for user in made:
        user.close()


@pytest.fixture
def alice(new_user: Callable[..., User]) -> User:
    return new_user()


@pytest.fixture
def bob(new_user: Callable[..., User]) -> User:
    return new_user()


@pytest.fixture
def olga(new_user: Callable[..., User]) -> User:
    """An operator: she may enter the admin with her name and password."""
    olga = new_user(username="olga", password="올가의 긴 암호 2468")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_user SET is_staff = true, is_superuser = true WHERE id = %s",
            [olga.user_id],
        )
    return olga
