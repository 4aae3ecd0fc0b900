from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from providers.errors import (
    ContentRefused,
    ContextTooLong,
    ModelNotFound,
    ProviderError,
    ProviderFailed,
    ProviderKeyInvalid,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from providers.refusals import MESSAGE_LIMIT, from_response, from_stream
from rini.secrets.secret import Secret

KEY = Secret("correct-horse-battery-staple")


def openai(message: str = "It went wrong.", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


def anthropic(kind: str, message: str = "It went wrong.") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def gemini(message: str, *details: dict[str, str]) -> dict[str, Any]:
    return {"error": {"code": 400, "message": message, "details": list(details)}}


@pytest.mark.parametrize(
    ("status", "error", "answered"),
    [
        (307, ProviderError, 502),
        (400, ProviderRefused, 400),
        (401, ProviderKeyInvalid, 400),
        (402, ProviderQuotaExhausted, 429),
        (403, ProviderKeyInvalid, 400),
        (404, ModelNotFound, 400),
        (408, ProviderTimeout, 504),
        (413, ContextTooLong, 400),
        (418, ProviderRefused, 400),
        (422, ProviderRefused, 400),
        (429, ProviderRateLimited, 429),
        (500, ProviderFailed, 502),
        (502, ProviderFailed, 502),
        (503, ProviderUnavailable, 503),
        (504, ProviderTimeout, 504),
        (529, ProviderUnavailable, 503),
    ],
)
def test_the_status_decides_and_is_never_a_500(
    status: int, error: type[ProviderError], answered: int
) -> None:
    told = from_response("zhipu", status)
    assert type(told) is error
    assert told.status == answered
    assert "zhipu" in told.detail
    assert str(status) in told.detail


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, openai(code="context_length_exceeded"), ContextTooLong),
        (400, openai(code="content_filter"), ContentRefused),
        (400, openai(code="content_policy_violation"), ContentRefused),
        (400, openai(innererror={"code": "ResponsibleAIPolicyViolation"}), ContentRefused),
        (400, openai(code="model_not_found"), ModelNotFound),
        (429, openai(code="insufficient_quota"), ProviderQuotaExhausted),
        (429, openai(code="rate_limit_exceeded"), ProviderRateLimited),
        (500, openai(code="context_length_exceeded"), ProviderFailed),
        (400, anthropic("invalid_request_error", "prompt is too long: 9 > 8"), ContextTooLong),
        (
            400,
            anthropic("invalid_request_error", "Your credit balance is too low"),
            ProviderQuotaExhausted,
        ),
        (400, gemini("The input token count (9) exceeds the maximum (8)."), ContextTooLong),
        (400, gemini("API key not valid.", {"reason": "API_KEY_INVALID"}), ProviderKeyInvalid),
        (400, [gemini("The input token count (9) exceeds")], ContextTooLong),
        (400, {"detail": [{"loc": ["body", "temperature"]}]}, ProviderRefused),
        (400, {"error": "This model's maximum context length is 8"}, ContextTooLong),
    ],
)
def test_within_a_status_the_vendors_codes_decide(
    status: int, body: object, error: type[ProviderError]
) -> None:
    assert type(from_response("openai", status, body)) is error


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        (openai("온도가 너무 높습니다"), "온도가 너무 높습니다"),
        ('{"error": {"message": "温度が高すぎます"}}'.encode(), "温度が高すぎます"),
        ("plain text", "plain text"),
        ({"error": "a text"}, "a text"),
        ({"message": "flat"}, "flat"),
        ({"detail": [{"msg": "nested"}]}, "nested"),
        (b"<!DOCTYPE html><title>Bad Gateway</title>", "an HTML page"),
    ],
)
def test_the_vendors_message_is_quoted_whatever_it_is_wrapped_in(body: object, quoted: str) -> None:
    assert quoted in from_response("openai", 400, body).detail


@pytest.mark.parametrize("body", [None, b"", b"\xff\xfe", [], {}, {"error": None}, 5, "null"])
def test_a_body_without_a_message_still_makes_a_sentence(body: object) -> None:
    assert from_response("openai", 400, body).detail.startswith("openai refused the request")


@pytest.mark.parametrize(
    "leaked", [KEY.reveal(), "sk-proj-abcdef123456", "AIzaSyD-abcdefghij", "?key=abc123&x=1"]
)
def test_a_key_in_the_vendors_message_is_not_passed_on(leaked: str) -> None:
    detail = from_response("openai", 400, openai(f"bad: {leaked} end"), key=KEY).detail
    assert "[secret]" in detail
    for part in (KEY.reveal(), "abcdef", "abc123"):
        assert part not in detail


def test_a_refused_key_is_never_quoted_even_in_part() -> None:
    detail = from_response("openai", 401, openai("Incorrect API key: corr***aple")).detail
    assert "aple" not in detail
    assert "Check the key" in detail


def test_a_long_message_is_cut() -> None:
    assert len(from_response("openai", 400, openai("가" * 10_000)).detail) < MESSAGE_LIMIT + 150


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "20"}, None, 20),
        ({"retry-after": "1.5"}, None, 1.5),
        ({"Retry-After": "20", "retry-after-ms": "250"}, None, 0.25),
        ({"Retry-After": "-4"}, None, 0),
        ({"Retry-After": "soon"}, None, None),
        ({}, gemini("Quota", {"@type": "…RetryInfo", "retryDelay": "37s"}), 37),
        ({}, gemini("Quota", {"@type": "…RetryInfo", "retryDelay": "later"}), None),
        ({}, None, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(
    headers: dict[str, str], body: object, seconds: float | None
) -> None:
    assert from_response("openai", 429, body, headers).retry_after == seconds


def test_the_time_to_wait_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    seconds = from_response("openai", 429, None, {"Retry-After": date}).retry_after
    assert seconds is not None
    assert 0 < seconds <= 90
    past = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert from_response("openai", 503, None, past).retry_after == 0


def test_a_rate_limit_always_tells_its_caller_when_to_come_back() -> None:
    assert from_response("openai", 429, None, {"Retry-After": "20"}).headers == {
        "Retry-After": "20"
    }
    assert "Retry-After" in from_response("openai", 429).headers


def test_what_may_work_later_is_retryable() -> None:
    assert [s for s in (400, 401, 402, 404, 429, 500, 503) if from_response("x", s).retryable] == [
        429,
        500,
        503,
    ]


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (anthropic("overloaded_error"), ProviderUnavailable),
        (anthropic("rate_limit_error"), ProviderRateLimited),
        (anthropic("api_error"), ProviderFailed),
        (openai(code="insufficient_quota"), ProviderQuotaExhausted),
        (openai(code="content_filter"), ContentRefused),
        ({"error": {"message": "x", "code": 429}}, ProviderRateLimited),
        ({"error": "a text"}, ProviderFailed),
        ({"error": True}, ProviderFailed),
    ],
)
def test_an_error_inside_a_stream_is_told_by_its_type(
    event: object, error: type[ProviderError]
) -> None:
    assert type(from_stream("openai", event)) is error
