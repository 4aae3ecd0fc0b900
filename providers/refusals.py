"""What a vendor's answer of failure means: its status, body and headers made a ProviderError.

The status decides first; within it the vendor's machine-readable codes, and only where a vendor
has no code (Anthropic's and Gemini's overlong prompts) words of its message. Bodies read:

* OpenAI and what is compatible: ``{"error": {"message", "type", "param", "code"}}``, or a text
  as ``error``, ``message`` or ``detail``
* Anthropic: ``{"type": "error", "error": {"type", "message"}}``
* Gemini: ``{"error": {"code", "message", "status", "details": [{"@type", …}]}}``, in a list when it
  is streamed; an ErrorInfo has ``reason``, a RetryInfo ``retryDelay`` ("37s")
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

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
from rini.secrets.secret import Secret
from rini.translation import gettext as _
from rini.translation import gettext_noop

MESSAGE_LIMIT = 300
"""Characters of a vendor's own message that are passed on."""

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: ProviderKeyInvalid,
    402: ProviderQuotaExhausted,
    403: ProviderKeyInvalid,
    404: ModelNotFound,
    408: ProviderTimeout,
    413: ContextTooLong,
    429: ProviderRateLimited,
    503: ProviderUnavailable,
    504: ProviderTimeout,
    529: ProviderUnavailable,
}
_BY_CODE: dict[str, type[ProviderError]] = {
    "api_key_invalid": ProviderKeyInvalid,
    "invalid_api_key": ProviderKeyInvalid,
    "context_length_exceeded": ContextTooLong,
    "model_not_found": ModelNotFound,
    "content_filter": ContentRefused,
    "content_policy_violation": ContentRefused,
    "responsibleaipolicyviolation": ContentRefused,
    "insufficient_quota": ProviderQuotaExhausted,
    "billing_not_active": ProviderQuotaExhausted,
    "billing_hard_limit_reached": ProviderQuotaExhausted,
}
_BY_WORDS: dict[str, type[ProviderError]] = {
    "prompt is too long": ContextTooLong,
    "input token count": ContextTooLong,
    "maximum context length": ContextTooLong,
    "exceeds the available context size": ContextTooLong,
    "credit balance is too low": ProviderQuotaExhausted,
    "api key not valid": ProviderKeyInvalid,
}
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_SAYS: dict[type[ProviderError], tuple[str, str]] = {
    ProviderKeyInvalid: (
        gettext_noop("%(provider)s did not accept the API key (status %(status)s)"),
        gettext_noop("Check the key and its permissions."),
    ),
    ProviderQuotaExhausted: (
        gettext_noop("%(provider)s has no quota left for this key (status %(status)s)"),
        gettext_noop("Check its plan and billing."),
    ),
    ProviderRateLimited: (
        gettext_noop("%(provider)s is rate limiting this key (status %(status)s)"),
        gettext_noop("Try again later."),
    ),
    ModelNotFound: (
        gettext_noop("%(provider)s does not know this model or address (status %(status)s)"),
        gettext_noop("Check the model's name."),
    ),
    ContextTooLong: (
        gettext_noop("%(provider)s takes no input of this length (status %(status)s)"),
        gettext_noop("Shorten the conversation."),
    ),
    ContentRefused: (
        gettext_noop("%(provider)s refused this content (status %(status)s)"),
        gettext_noop("Change the request."),
    ),
    ProviderTimeout: (
        gettext_noop("%(provider)s did not answer in time (status %(status)s)"),
        gettext_noop("Try again later."),
    ),
    ProviderUnavailable: (
        gettext_noop("%(provider)s is overloaded or down (status %(status)s)"),
        gettext_noop("Try again later."),
    ),
    ProviderFailed: (
        gettext_noop("%(provider)s failed (status %(status)s)"),
        gettext_noop("Try again later."),
    ),
    ProviderRefused: (
        gettext_noop("%(provider)s refused the request (status %(status)s)"),
        gettext_noop("Change the request as the message says."),
    ),
    ProviderError: (
        gettext_noop("%(provider)s answered with a redirect (status %(status)s)"),
        gettext_noop("Check the provider's base URL."),
    ),
}
_UNSUPPORTED_CODES = frozenset(("unsupported_parameter", "unsupported_value", "unknown_parameter"))
_UNSUPPORTED = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|unknown (?:parameter|field|argument|name)"
    r"|not permitted|unexpected (?:parameter|field|argument|keyword)|deprecated",
    re.IGNORECASE,
)
"""Servers without codes; a value out of its bounds is none of these."""
_KEY_LIKE = re.compile(
    r"\b(?:sk|gsk|xai|pplx)-[\w*.-]{6,}|\bAIza[\w*-]{6,}|(?<=[?&]key=)[^&\s\"']+"
)


def from_response(
    provider: str,
    status: int,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    *,
    key: Secret | None = None,
) -> ProviderError:
    """The error for a vendor's answer of `status` that is no success.

    `body` is what it sent (bytes, text, or parsed JSON). Its message is quoted without `key` and
    anything that looks like one, in at most `MESSAGE_LIMIT` characters.
    """
    error = _error_in(_parsed(body))
    kind = _kind(status, error)
    happened, advice = _SAYS[kind]
    quoted = "" if kind is ProviderKeyInvalid else scrubbed(_message(error), key)
    said = _(happened) % {"provider": provider, "status": status}
    said += f": {quoted}" if quoted else ""
    if said[-1] not in ".!?。":
        said += "."
    refusal = kind(f"{said} {_(advice)}", retry_after=retry_after(headers or {}, error))
    refusal.vendor_status = status
    if type(refusal) is ProviderRefused:
        refusal.unsupported = _unsupported(error)
    return refusal


def no_free_check(provider: str) -> ProviderRefused:
    """The error where only what costs something would tell whether a key is good."""
    return ProviderRefused(
        _("There is no free way to check a key of %(provider)s: its first call will.")
        % {"provider": provider}
    )


def from_stream(provider: str, event: object, *, key: Secret | None = None) -> ProviderError:
    """The error for an ``error`` event inside a stream, which has no status of its own."""
    error = _error_in(_parsed(event))
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        status = code
    else:
        status = next((_STATUS_OF_TYPE[c] for c in _codes(error) if c in _STATUS_OF_TYPE), 500)
    return from_response(provider, status, {"error": dict(error)}, key=key)


def retry_after(headers: Mapping[str, str], error: Mapping[str, Any]) -> float | None:
    """Seconds to wait by the vendor's word: ``retry-after-ms`` (OpenAI), ``Retry-After`` in
    seconds or as a date, or Gemini's RetryInfo in the error's details."""
    named = {name.lower(): value for name, value in headers.items()}
    with suppress(ValueError, KeyError):
        return max(0.0, float(named["retry-after-ms"]) / 1000)
    value = named.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(value))
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    for detail in _details(error):
        delay = detail.get("retryDelay")
        if isinstance(delay, str):
            with suppress(ValueError):
                return float(delay.removesuffix("s"))
    return None


def scrubbed(text: str, key: Secret | None) -> str:
    """`text` on one line, without `key` or anything like a key, cut to a sensible length."""
    if key is not None:
        text = key.scrub(text)
    text = " ".join(_KEY_LIKE.sub("[secret]", text).split())
    # PostgreSQL keeps no NUL, and JSON no half of a surrogate pair.
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


def _kind(status: int, error: Mapping[str, Any]) -> type[ProviderError]:
    if 300 <= status < 400:
        return ProviderError
    if status == 404 or status >= 500 or status in {401, 402, 408}:
        return _BY_STATUS.get(status, ProviderFailed)
    for code in _codes(error):
        if code in _BY_CODE:
            return _BY_CODE[code]
    if status == 400:
        message = _message(error).lower()
        for words, kind in _BY_WORDS.items():
            if words in message:
                return kind
    return _BY_STATUS.get(status, ProviderRefused)


def _unsupported(error: Mapping[str, Any]) -> str:
    message, param = _message(error), error.get("param")
    if not (_UNSUPPORTED_CODES.intersection(_codes(error)) or _UNSUPPORTED.search(message)):
        return ""
    return param if isinstance(param, str) and param else message


def _parsed(body: object) -> object:
    if isinstance(body, bytes):
        body = body.decode(errors="replace")
    if isinstance(body, str):
        with suppress(ValueError):
            return json.loads(body)
    return body


def _error_in(body: object) -> Mapping[str, Any]:
    """The object that describes the failure, however wrapped; a text becomes its message."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, str):
        is_page = body.lstrip()[:1] == "<"
        return {"message": _("an HTML page instead of an answer") if is_page else body}
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    if isinstance(inner, Mapping):
        return inner
    return {**body, "message": inner} if isinstance(inner, str) else body


def _message(error: Mapping[str, Any]) -> str:
    told = error.get("message") or error.get("detail") or ""
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    inner = error.get("innererror")
    nested = inner.get("code") if isinstance(inner, Mapping) else None
    reasons = (detail.get("reason") for detail in _details(error))
    for code in (error.get("code"), error.get("type"), error.get("status"), nested, *reasons):
        if isinstance(code, str):
            yield code.lower()


def _details(error: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = error.get("details")
    yield from (d for d in details if isinstance(d, Mapping)) if isinstance(details, list) else ()
