"""The pytest fixtures of the stage: ``from tests.vendors.fixture import stage, stage_server``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vendors.stage import Stage


@pytest.fixture(scope="session")
def stage_server() -> Iterator[Stage]:
    """One server for the whole run."""
    with Stage() as stage:
        yield stage


@pytest.fixture
def stage(stage_server: Stage) -> Iterator[Stage]:
    """The stage without scripts and calls of other tests."""
    stage_server.clear()
    yield stage_server
    stage_server.clear()
