"""litellm is loaded beforehand where a key needs it, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from providers.models import Provider
from tests.conversations.conftest import eventually
from tests.rini_server import RiniServer

ITS_OWN = "fastuuid"
"""A library that nothing else of Rini's loads."""


def has_loaded(server: RiniServer) -> bool:
    return ITS_OWN in Path(f"/proc/{server.process.pid}/maps").read_text()


@pytest.fixture
def strange(database: None) -> object:
    return Provider.objects.create(slug="strange", name="Strange", wire="litellm")


def test_it_is_loaded_at_the_start_where_a_key_needs_it(
    strange: object, start_server: Callable[..., RiniServer]
) -> None:
    needing = start_server(STRANGE_API_KEY="sk-strange-0123456789")
    try:
        assert eventually(lambda: has_loaded(needing), within=60)
    finally:
        Provider.objects.filter(slug="strange").delete()


def test_it_is_not_loaded_where_none_does(server: RiniServer) -> None:
    assert not has_loaded(server)
