"""What reading a document gives: its text, and where in it each part of the document lies.

Pure values, between the readers that make them and the chunking that cuts them.
"""

from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What a part of a document is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST = "list"
    """Items, one per line (an item that has lines of its own keeps them)."""
    TABLE = "table"
    """A header and some of the rows under it, one row per line, cells between `` | ``. A long table
    is several such blocks, and each begins with the table's header."""
    CODE = "code"
    """Lines whose breaks and indentation mean something: source code, JSON, preformatted text."""


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a document: ``text[start:end]``, without white space at either end."""

    start: int
    end: int
    kind: BlockKind
    page: int | None
    """From 1: the page, sheet or slide where it begins. None where the format has none."""
    headings: tuple[str, ...]
    """The headings that it stands under, outermost first. A heading is not in its own path."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as text.

    ``blocks`` are in order, do not overlap and are not empty; between them lies only white space.
    The text has neither NUL nor lone surrogates, so PostgreSQL can keep it; lines end with ``\\n``.
    """

    text: str
    blocks: tuple[Block, ...]
    title: str | None
    """What the document calls itself (its properties, its first heading), never its file name."""
    file_type: str
    """As recognised by content: ``pdf``, ``docx``, ``xlsx``, ``html``, ``txt``, ``code`` …"""
    page_count: int | None
    """Pages, sheets or slides. None where the format has none."""
    pages_without_text: tuple[int, ...] = ()
    """Numbers of the pages on which there is nothing to read: usually pictures of pages."""
