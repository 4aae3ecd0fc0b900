"""What tests of money share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from rini.storage import heartbeat
from tests.billing.ledger_world import add_price, check_sums, forget_prices


@pytest.fixture(scope="session", autouse=True)
def _slow_heart() -> None:
    """This process holds calls itself: its heart must not beat when the database has gone."""
    heartbeat.BEAT_SECONDS = 3600


@pytest.fixture
def priced(database: None) -> Iterator[None]:
    """「모델」 costs $1 in and $2 out per million tokens; afterwards every sum has to be right."""
    add_price()
    yield
    check_sums()
    forget_prices()
    connection.close()
