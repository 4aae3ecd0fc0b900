from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from rest_framework.request import Request as DrfRequest
from rest_framework.test import APIRequestFactory
from starlette.requests import Request

from rini.errors import InvalidInput
from rini.web import query

ID = "3f2b8a54-6c1d-4f0e-9b57-2a4d8c6e1f90"
SEOUL = ZoneInfo("Asia/Seoul")


def whole(source: Any, name: str) -> int | None:
    return query.whole(source, name, least=1, most=100)


def choice(source: Any, name: str) -> str | None:
    return query.choice(source, name, ("start", "end", "middle"))


def since(source: Any, name: str) -> datetime | None:
    return query.moment(source, name, SEOUL)


def until(source: Any, name: str) -> datetime | None:
    return query.moment(source, name, SEOUL, through=True)


READERS = (
    *(query.text, query.flag, query.uuid, query.message_id, query.timezone),
    *(whole, choice, since, until),
)


@pytest.mark.parametrize(
    ("read", "given", "value"),
    [
        (query.text, "도쿄 東京", "도쿄 東京"),
        (query.text, "가" * 200, "가" * 200),
        (query.flag, "TRUE", True),
        (query.flag, "0", False),
        (whole, "1", 1),
        (whole, "100", 100),
        (choice, "end", "end"),
        (query.message_id, str(2**63 - 1), 2**63 - 1),
        (query.uuid, ID, UUID(ID)),
        (query.timezone, "Asia/Seoul", "Asia/Seoul"),
        (since, "2026-03-01", datetime(2026, 2, 28, 15, tzinfo=UTC)),
        (until, "2026-03-01", datetime(2026, 3, 1, 15, tzinfo=UTC)),
        (since, "2026-03-01T09:30", datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        (until, "2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        (since, "2026-03-01T09:30:00 02:00", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
    ],
)
def test_what_is_good_is_read(read: Callable[[Any, str], Any], given: str, value: object) -> None:
    assert read({"it": given}, "it") == value


@pytest.mark.parametrize(
    ("read", "given"),
    [
        (query.text, "nu\x00l"),
        (query.text, "가" * 201),
        (query.flag, "ture"),
        *((whole, number) for number in ("0", "101", "-1", "1.5", "²", "٣", " 1", "9" * 5000)),
        *((query.message_id, number) for number in ("abc", str(2**63), "9" * 5000)),
        (choice, "START"),
        (query.uuid, "not-an-id"),
        (query.uuid, "\x00"),
        *((query.timezone, name) for name in ("Seoul", "../etc/passwd", "\x00", "localtime")),
        *(
            (since, text)
            for text in (
                "어제",
                "2026-02-30",
                "2026-13-01T00:00Z",
                "9999-12-31",
                "0001-01-01",
                "\x00",
            )
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_name(read: Callable[[Any, str], Any], given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read({"it": given}, "it")
    [message] = (refused.value.errors or {})["it"]
    assert len(message) < 200


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("source", [{}, {"it": ""}])
def test_what_is_missing_or_empty_is_none(
    read: Callable[[Any, str], Any], source: dict[str, str]
) -> None:
    assert read(source, "it") is None


def test_requests_of_both_kinds_are_read_alike() -> None:
    """The last of several counts, and escapes are resolved."""
    string = "it=1&it=7&word=%EA%B0%80"
    of_django = DrfRequest(APIRequestFactory().get(f"/?{string}"))
    scope = {"type": "http", "query_string": string.encode(), "headers": []}
    for source in (of_django, Request(scope), QueryDict(string)):
        assert query.whole(source, "it") == 7
        assert query.text(source, "word") == "가"
