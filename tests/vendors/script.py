"""What a played vendor does in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Tokens:
    """The usage to report, in *Rini's* convention (`billing.usage`): `input` includes what was
    read from and written to the cache, `output` includes reasoning. Each vendor says the same in
    its own way."""

    input: int = 11
    output: int = 7
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class ToolCall:
    id: str
    name: str
    arguments: str
    """JSON text."""


@dataclass(frozen=True)
class Cut:
    """Where a stream breaks off: after so many pieces of text, or after so many bytes of the body
    (0 pieces: after the vendor's opening events). `eof` ends the response as if it were whole,
    `broken` closes the connection in the middle of it, `reset` aborts it (TCP RST)."""

    after_pieces: int | None = None
    after_bytes: int | None = None
    how: Literal["eof", "broken", "reset"] = "broken"


@dataclass(frozen=True)
class Failure:
    """An HTTP error; without a `body` the vendor's own for that status."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Script:
    pieces: Sequence[str] | None = None
    """The answer's text; None repeats the last user message, word by word."""
    reasoning: Sequence[str] = ()
    tool_calls: Sequence[ToolCall] = ()
    finish: Literal["stop", "length", "tool_calls", "content_filter"] = "stop"
    usage: Tokens | None = Tokens()
    """None: the vendor says nothing of usage."""
    delay: float = 0
    """Seconds before each piece (and before a whole answer)."""
    cut: Cut | None = None
    failure: Failure | None = None
    error_midway: object = None
    """The error object that a stream reports after its pieces, in place of its end."""
    lingers: float = 0
    """Seconds between the last bytes of a stream and the end of its response."""
    hangs: bool = False
    """Takes the request and never answers."""
    raw: bytes | None = None
    """The body to send in place of everything, with status 200 …"""
    content_type: str | None = None
    """… and this type (else the type that the vendor would send)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers of an answer of success."""


@dataclass(frozen=True)
class Part:
    """Some bytes of a streamed body; `is_piece` for a piece of the answer's text."""

    data: bytes
    is_piece: bool = False


Json = dict[str, Any]


def said(script: Script, question: str) -> list[str]:
    """The pieces of the answer to `question`."""
    if script.pieces is not None:
        return list(script.pieces)
    words = question.split(" ")
    return [word if i == 0 else f" {word}" for i, word in enumerate(words)]


def text_of(content: object) -> str:
    """The text of a message's content: a text, or a list of parts some of which have one."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
