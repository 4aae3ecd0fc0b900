"""What went wrong inside litellm, told by what the vendor said.

litellm maps a vendor's failure to exceptions of its own, partly by words of the message, and
changes its status on the way (Anthropic's 529 becomes 500). The vendor's own status, body and
headers are on the exceptions further down the chain, and so is the broken connection, if any.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

import httpx

from providers.errors import (
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from providers.refusals import from_response
from providers.types import Target
from rini.translation import gettext as _

_OWN_WORDS = re.compile(
    r"^(?:litellm\.\w+: |\w+Exception - )+| To drop these.*| Handle with.*", re.DOTALL
)
_NO_DOWNLOAD = "Image URL download is disabled"


def provider_error(error: BaseException, target: Target) -> ProviderError:
    """The ProviderError for what litellm raised. Keys stand in the chain: keep none of it."""
    if any(_NO_DOWNLOAD in str(link) for link in _chain(error)):
        return ProviderRefused(
            _("%(provider)s takes this file only with its content: send it as a data: URL.")
            % {"provider": target.provider}
        )
    told = _told_by_vendor(error)
    status = getattr(told, "status_code", 500)
    timeouts = (TimeoutError, httpx.TimeoutException)
    if status == 408 or any(isinstance(link, timeouts) for link in _chain(error)):
        return ProviderTimeout(
            _("%(provider)s did not answer in time. Try again later.")
            % {"provider": target.provider}
        )
    if is_broken_connection(error):
        return ProviderUnavailable(
            _(
                "%(provider)s cannot be reached or broke the connection. Check that it runs and "
                "that its base URL is right."
            )
            % {"provider": target.provider}
        )
    headers = getattr(told, "headers", None)
    return from_response(
        target.provider,
        status if isinstance(status, int) else 500,
        _body(getattr(told, "message", str(told))),
        dict(headers) if isinstance(headers, Mapping) else {},
        key=target.api_key,
    )


def is_broken_connection(error: BaseException) -> bool:
    """Whether the connection failed, as opposed to the vendor reporting an error over it."""
    return any(
        isinstance(link, httpx.TransportError) and not isinstance(link, httpx.TimeoutException)
        for link in _chain(error)
    )


def _told_by_vendor(error: BaseException) -> BaseException:
    """The deepest exception that carries a status and the headers that came with it."""
    told = error
    for link in _chain(error):
        if isinstance(getattr(link, "status_code", None), int) and hasattr(link, "headers"):
            told = link
    return told


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        link = todo.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            todo += [getattr(link, "original_exception", None), link.__cause__, link.__context__]


def _body(message: object) -> object:
    """The vendor's body; litellm passes a stream's on as the text ``b'…'``."""
    if isinstance(message, str) and message[:2] in {"b'", 'b"'}:
        with suppress(ValueError, SyntaxError):
            return ast.literal_eval(message)
    return _OWN_WORDS.sub("", message) if isinstance(message, str) else message
