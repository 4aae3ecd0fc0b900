"""Names of time zones."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@lru_cache(maxsize=1000)
def is_timezone(name: str) -> bool:
    """Whether `name` is a time zone as “Asia/Seoul” is."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return name != "localtime"  # a file on many machines, and elsewhere another zone or none
