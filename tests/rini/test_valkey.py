from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis

from rini.errors import Unavailable
from rini.storage import valkey
from rini.storage.valkey import Script
from tests.rini_server import free_port


@pytest.fixture
def key() -> Iterator[str]:
    name = f"rini:test:{uuid4()}"
    yield name
    valkey.client().delete(name)


async def test_both_clients_speak_with_the_same_valkey(key: str) -> None:
    valkey.client().set(key, "가")
    assert await valkey.async_client().get(key) == "가".encode()
    assert valkey.client() is valkey.client()
    assert valkey.async_client() is valkey.async_client()


async def test_a_script_runs_for_both(key: str) -> None:
    add = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert add.run_now([key], [2]) == 2
    assert await add.run([key], [40]) == 42


def test_where_it_is_away_that_is_said() -> None:
    nobody = redis.Redis(port=free_port(), socket_connect_timeout=valkey.SECONDS)
    with pytest.raises(Unavailable) as told, valkey.needed("Not now."):
        nobody.ping()
    assert (told.value.detail, told.value.status) == ("Not now.", 503)


def test_what_is_no_fault_of_valkey_s_goes_through() -> None:
    with pytest.raises(ZeroDivisionError), valkey.needed("Not now."):
        _ = 1 // 0


def test_a_fork_speaks_over_connections_of_its_own(key: str) -> None:
    valkey.client().set(key, 0)
    child = os.fork()
    if child == 0:
        done = 1
        try:
            for _ in range(100):
                valkey.client().incr(key)
            done = 0
        finally:
            os._exit(done)
    for _ in range(100):
        valkey.client().incr(key)
    assert os.waitpid(child, 0)[1] == 0
    assert int(valkey.client().get(key) or 0) == 200
