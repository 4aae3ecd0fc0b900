"""What can go wrong with a server of tools.

ToolServerFailed               502 tool_server_failed
├── ToolServerUnauthorized     502 tool_server_unauthorized
└── ToolServerResting          503 tool_server_resting       (`retry_after`)
"""

from __future__ import annotations

from rini.errors import RiniError
from rini.translation import gettext_noop


class ToolServerFailed(RiniError):
    """It was not reached, or did not do what it should."""

    status = 502
    code = "tool_server_failed"
    detail = gettext_noop("The server of the tools failed.")


class ToolServerUnauthorized(ToolServerFailed):
    """It wants other headers, or some at all."""

    code = "tool_server_unauthorized"


class ToolServerResting(ToolServerFailed):
    """It has failed several times in a row, and is left alone for a while."""

    status = 503
    code = "tool_server_resting"
