"""What can go wrong with a model's vendor, each with the status that Rini's caller gets.

    ProviderError                  502 provider_error
    ├── ProviderKeyMissing         400 provider_key_missing
    ├── ProviderKeyInvalid         400 provider_key_invalid       (the vendor's 401, 403)
    ├── ProviderRefused            400 provider_refused           (the vendor's other 4xx)
    │   ├── ModelNotFound          400 model_not_found
    │   ├── ContextTooLong         400 context_too_long
    │   └── ContentRefused         400 content_refused
    ├── ProviderRateLimited        429 provider_rate_limited      retryable
    │   └── ProviderQuotaExhausted 429 provider_quota_exhausted   (paid for too little; waiting
    │                                                             does not help by itself)
    ├── ProviderTimeout            504 provider_timeout           retryable
    ├── ProviderUnavailable        503 provider_unavailable       retryable (refused, reset, 529)
    └── ProviderFailed             502 provider_failed            retryable (5xx, or no sense in it)

None is a 500: they are not Rini's faults. `retryable` says whether the same call may work later,
`retry_after` (seconds) after how long, where the vendor said so.
"""

from __future__ import annotations

from rini.errors import RiniError
from rini.translation import gettext, gettext_noop


class ProviderError(RiniError):
    status = 502
    code = "provider_error"
    detail = gettext_noop("The model's provider failed.")
    retryable = False
    vendor_status: int | None = None
    """The status of the vendor's answer, if there was one."""


class ProviderKeyMissing(ProviderError):
    status = 400
    code = "provider_key_missing"


class ProviderKeyInvalid(ProviderError):
    status = 400
    code = "provider_key_invalid"


class ProviderRefused(ProviderError):
    status = 400
    code = "provider_refused"
    unsupported = ""
    """What the vendor said, if it was that it does not take a parameter: its name, or a sentence
    with it."""


class ModelNotFound(ProviderRefused):
    code = "model_not_found"


class ContextTooLong(ProviderRefused):
    code = "context_too_long"


class ContentRefused(ProviderRefused):
    code = "content_refused"


class ProviderRateLimited(ProviderError):
    status = 429
    code = "provider_rate_limited"
    retryable = True

    @property
    def headers(self) -> dict[str, str]:
        """Always a ``Retry-After``: callers back off by it even if the vendor named no time."""
        return super().headers or {"Retry-After": "5"}


class ProviderQuotaExhausted(ProviderRateLimited):
    code = "provider_quota_exhausted"
    retryable = False


class ProviderTimeout(ProviderError):
    status = 504
    code = "provider_timeout"
    retryable = True


class ProviderUnavailable(ProviderError):
    status = 503
    code = "provider_unavailable"
    retryable = True


class ProviderFailed(ProviderError):
    status = 502
    code = "provider_failed"
    retryable = True


def broken_off(provider: str) -> ProviderFailed:
    """The error of an answer that ended without its vendor's end mark."""
    told = gettext("%(provider)s broke off its answer.") % {"provider": provider}
    return ProviderFailed(told, code="incomplete")
