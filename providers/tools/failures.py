"""How the failure of a server of tools is told: what it was, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import structlog
from mcp import MCPError

from providers.tools.errors import ToolServerFailed, ToolServerUnauthorized
from providers.tools.server import Server
from providers.tools.watching import AnswerTooLarge, Watch
from rini.egress import AddressRefused
from rini.errors import RiniError
from rini.text import storable
from rini.translation import gettext as _

MAX_CHARACTERS = 500
"""Of what a server says of its own failure."""
_REDIRECTS = range(300, 400)
_OF_THE_LIBRARY = ("Server returned an error response", "Not Found", "Session terminated")
"""What the library says where a server said nothing."""
log = structlog.get_logger(__name__)


def explained(server: Server, watch: Watch, error: BaseException | None) -> RiniError:
    """The failure of a server, from what was seen on the way and what the library raised (None:
    there was no answer in time)."""
    seen = watch.failure or _transport_error(error)
    if isinstance(seen, AddressRefused):
        return seen
    if seen is None and watch.status in {401, 403}:
        return ToolServerUnauthorized(_unauthorized(server, watch.status))
    told = _by_transport(seen) or _by_time(error, watch) or _by_status(watch)
    told = told or _by_answer(error, watch)
    return ToolServerFailed(
        _("%(name)s: %(reason)s")
        % {"name": server.name, "reason": storable(server.scrub(told))[:MAX_CHARACTERS]}
    )


def _unauthorized(server: Server, status: int) -> str:
    asked = {"name": server.name, "status": status}
    if server.headers:
        return (
            _(
                "%(name)s refuses the headers of this connection (%(status)s): they are wrong or "
                "have expired. Give them anew."
            )
            % asked
        )
    return (
        _(
            "%(name)s wants to know who calls (%(status)s): give the connection `headers`, as "
            "Authorization."
        )
        % asked
    )


_OF_TRANSPORT = (httpx2.TransportError, AddressRefused)


def _transport_error(error: BaseException | None) -> Exception | None:
    """The first error of the network in an exception of the library's, which may be a group."""
    return next((one for one in _leaves(error) if isinstance(one, _OF_TRANSPORT)), None)


def _leaves(error: BaseException | None) -> Iterator[Exception]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif isinstance(error, Exception):
        yield error


def _by_transport(failure: Exception | None) -> str | None:
    match failure:
        case AnswerTooLarge():
            return _("It answered more than %(most)s bytes.") % {"most": failure.most}
        case httpx2.TimeoutException():
            return _("It did not answer in time.")
        case httpx2.ConnectError():
            return _("It could not be reached: %(reason)s") % {"reason": str(failure)}
        case httpx2.TransportError():
            reason = str(failure) or type(failure).__name__
            return _("The connection broke off: %(reason)s") % {"reason": reason}
    return None


def _by_time(error: BaseException | None, watch: Watch) -> str | None:
    if error is not None:
        return None
    return _("It did not answer within %(seconds)g seconds.") % {"seconds": watch.seconds}


def _by_status(watch: Watch) -> str | None:
    if watch.status in _REDIRECTS:
        return _("It redirects to %(place)s. Give that address, if it is the right one.") % {
            "place": watch.location
        }
    if watch.status in {404, 405}:
        return _(
            "There is nothing at this address that speaks MCP (%(status)s). Check its path, which "
            "is often /mcp; an older server may need the transport `sse`."
        ) % {"status": watch.status}
    return None


def _by_answer(error: BaseException | None, watch: Watch) -> str:
    said = next((one.message for one in _leaves(error) if isinstance(one, MCPError)), "")
    if said and said not in _OF_THE_LIBRARY:
        return _("It says: %(message)s") % {"message": said}
    if watch.status >= 400:
        return _("It answered %(status)s.") % {"status": watch.status}
    log.warning("a server of tools answered nonsense", exc_info=error)
    return _("What it answers is not MCP.")
