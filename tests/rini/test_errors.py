from __future__ import annotations

from http import HTTPStatus

import pytest

from rini import errors
from rini.errors import InvalidInput, NotAuthenticated, RateLimited, RiniError, Unavailable, problem
from rini.web.parsing import parse_json


def kinds() -> list[type[RiniError]]:
    found, left = [], [RiniError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: str(kind.__name__))
def test_every_error_is_a_problem_with_all_its_members(kind: type[RiniError]) -> None:
    told = problem(kind("무엇이 잘못되었는지"), "request-1")
    assert told == {
        "type": "about:blank",
        "title": HTTPStatus(kind.status).phrase,
        "status": kind.status,
        "detail": "무엇이 잘못되었는지",
        "code": kind.code,
        "request_id": "request-1",
    }
    assert kind().detail
    assert kind.__name__ in str(errors.__doc__)


def test_the_messages_of_fields_come_along() -> None:
    error = InvalidInput(errors={"text": ("이 값은 비었습니다.",)})
    assert problem(error, "")["errors"] == {"text": ["이 값은 비었습니다."]}


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.1, "2"), (17, "17")])
def test_waiting_times_are_whole_seconds_and_never_too_short(seconds: float, header: str) -> None:
    assert RateLimited(retry_after=seconds).headers == {"Retry-After": header}


def test_callers_are_told_when_to_come_back_and_how_to_authenticate() -> None:
    assert Unavailable().headers == {"Retry-After": "5"}
    assert NotAuthenticated().headers == {"WWW-Authenticate": "Bearer"}
    assert RateLimited().headers == {}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"\\u0000"', "\\u0000"),
        (rb'"\\\\u0000"', "\\\\u0000"),
        ('"한글 漢字 かな 👩‍👩‍👧‍👦"'.encode(), "한글 漢字 かな 👩‍👩‍👧‍👦"),
        (rb'"\ud83d\ude00"', "😀"),
    ],
)
def test_json_texts_are_read_as_they_are(body: bytes, value: str) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"NaN", b'"\xff"', rb'"\ud83d"'),
        *(rb'"\u0000"', rb'"\\\u0000"', rb'{"a": "x\u0000"}'),
    ],
)
def test_what_no_database_keeps_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_json(body)
