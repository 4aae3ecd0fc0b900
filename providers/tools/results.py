"""What a server answered to a call, as a model is told it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
from django.conf import settings
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from providers.tools import structure
from providers.tools.server import ListedTool
from providers.tools.tool import ToolResult
from rini.text import storable, storable_value
from rini.translation import gettext as _


async def result_of(tool: ListedTool, answer: CallToolResult | InputRequiredResult) -> ToolResult:
    """An answer as a result: its texts, and what else there is by type, name and size."""
    if isinstance(answer, InputRequiredResult):
        return failed(_("The tool asks for more than its arguments, which is not possible here."))
    text = "\n".join(_told(answer.content))
    content = storable_value(answer.structured_content)
    if answer.is_error:
        return failed(text or _("The tool failed, and does not say why."))
    if tool.output_schema is not None:
        try:
            # On a thread: a large answer takes some tenths of a second.
            wrong = await asyncio.to_thread(structure.wrong_with, content, tool.output_schema)
        except structure.Uncheckable:
            content = None  # what its text says stays
        else:
            if wrong:
                return failed(
                    _("The tool's answer is not what its schema promises: %(reason)s")
                    % {"reason": wrong[:500]}
                )
    if not text and content is not None:
        text = orjson.dumps(content).decode()
    return ToolResult(_cut(text), structured=content)


def failed(text: str) -> ToolResult:
    return ToolResult(_cut(text), is_error=True)


def _cut(text: str) -> str:
    most = settings.MCP_TEXT_CHARACTERS
    if len(text) <= most:
        return storable(text)
    rest = _("[cut off here: %(more)s characters more]") % {"more": len(text) - most}
    return f"{storable(text[:most])}\n{rest}"


def _told(content: list[ContentBlock]) -> Iterator[str]:
    for part in content:
        match part:
            case TextContent():
                yield part.text
            case ImageContent() | AudioContent():
                yield _file(part.type, part.mime_type, _bytes(part.data))
            case ResourceLink():
                yield _file(part.title or part.name, part.mime_type or "", part.size, part.uri)
            case EmbeddedResource(resource=TextResourceContents() as resource):
                yield resource.text
            case EmbeddedResource(resource=BlobResourceContents() as resource):
                size = _bytes(resource.blob)
                yield _file(str(resource.uri), resource.mime_type or "", size)


def _bytes(base64: str) -> int:
    return len(base64.rstrip("=")) * 3 // 4


def _file(name: str, media_type: str, size: int | None, place: str = "") -> str:
    """A file that is not shown, in a line."""
    told = [name, media_type, "" if size is None else f"{size} bytes", place]
    return f"[{', '.join(part for part in told if part)}]"
