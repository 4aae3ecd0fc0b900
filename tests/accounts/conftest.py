from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings


@pytest.fixture(autouse=True)
def forgotten_guesses() -> Iterator[None]:
    """Wrong passwords of one test are not counted against the next: all come from one address."""
    yield
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        if keys := valkey.keys("rini:guesses:*"):
            valkey.delete(*keys)
