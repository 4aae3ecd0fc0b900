"""Cutting a document into the passages that are embedded, searched and cited. Pure.

Structure first: a passage ends where a section does, else between two blocks, else between two
sentences (of lists, tables and code: lines). Only a sentence or a row that is larger than a passage
is itself cut: at a line's end, a comma, a blank, else between two letters. Neighbouring passages of
a section overlap by whole sentences. Small sections share a passage.

Sizes are in tokens of the embedding model, whose tokenizer is asked once for the whole document.
However few tokens it makes of them, sixteen characters count as one: unknown words and what
tokenizers leave out have no end otherwise.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import regex

from knowledge.reading import Block, BlockKind, Reading

TokenOffsets = Callable[[str], Sequence[tuple[int, int]]]
"""Of a whole text, for each token in order the places (begin, end) in the text that it stands for,
as Hugging Face's tokenizers have them in ``encode(text).offsets``."""

_CLOSING = r"[\p{Pe}\p{Pf}\p{Cf}\"']*+"
_SENTENCE_END = regex.compile(
    # 。！？ and the full stops of other scripts, wherever they stand
    rf"[\p{{Sentence_Terminal}}--[.!?]]++[.!?]*+{_CLOSING}\s*+"
    # . ! ? … before white space, but not after an initial (J. Kim) or before a small letter
    rf"|(?<!\b\p{{Lu}})(?<![.!?…])[.!?…]++{_CLOSING}\s++(?!\p{{Ll}})"
    # Thai and Lao have no full stop: a blank ends a phrase
    r"|(?<=[\p{Thai}\p{Lao}])\s++(?=[\p{L}\p{N}])"
    r"|\n[^\S\n]*+\n\s*+",
    regex.V1,
)
_INK = regex.compile(r"\S")
_LINE_END = regex.compile(r"\n\s*+")
_CUTS = [  # where a sentence is cut that is too long, the best first
    regex.compile(r"(?r)\n"),
    regex.compile(r"(?r)[,;:،؛、，；：·]"),
    regex.compile(r"(?r)\s"),
]
_JOINED = regex.compile(r"[\p{M}\u200D]|(?<=\u200D).", regex.DOTALL)
_MAX_JOINED = 16  # characters of one letter, or picture, that are kept together
_LETTERS_A_TOKEN = 16
_SMALL_SECTION = 0.25  # of a passage: smaller ones share it with the next section
_GOOD_BREAK = 0.5  # of a passage: from there on it ends with a block rather than with a sentence
_MAX_CONTEXT = 200  # characters of a title, of a heading path, of a table's header


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: ``text == reading.text[start:end]``."""

    text: str
    start: int
    end: int
    tokens: int
    page: int | None
    """Where it begins."""
    headings: tuple[str, ...]
    """The headings that all of it stands under, outermost first; its own first line included, where
    that is one."""
    table_header: str = ""
    """Of a passage that begins inside a table, the table's first row."""


def chunks(reading: Reading, offsets: TokenOffsets, *, size: int, overlap: int = 0) -> list[Chunk]:
    """The passages of a document in their order: each of its characters but white space is in one.

    At most `size` tokens each, of which at most `overlap` are the end of the passage before; the
    title and the headings of `embedded_text` come on top. Raises `ValueError` for sizes that make
    no sense.
    """
    if size < 1 or not 0 <= overlap <= size // 2:
        raise ValueError("a passage has at least one token, and overlaps by at most half of them")
    ruler = _Ruler(reading.text, offsets(reading.text))
    pieces = [
        piece for block in reading.blocks for piece in _pieces(reading.text, block, ruler, size)
    ]
    return [_chunk(reading.text, pieces[a:b]) for a, b in _spans(pieces, size, overlap)]


def embedded_text(chunk: Chunk, title: str | None) -> str:
    """What of a passage is embedded and indexed: its text under the title and the headings, of
    which people see only the text."""
    lines = set(chunk.text.split("\n"))
    path = " › ".join(heading for heading in chunk.headings if heading not in lines)
    context = [title if title not in {*lines, *chunk.headings} else None, path, chunk.table_header]
    return "\n".join([*(line[:_MAX_CONTEXT] for line in context if line), chunk.text])


class _Ruler:
    """Measures spans of a text in tokens."""

    def __init__(self, text: str, offsets: Iterable[tuple[int, int]]) -> None:
        self.starts: list[int] = [0]
        """Where each token begins, and where one would have to, so that none is too long."""
        for start, _ in offsets:
            self._reach(start)
        self._reach(len(text))

    def _reach(self, place: int) -> None:
        last = self.starts[-1]
        if place <= last:
            return
        if place - last > _LETTERS_A_TOKEN:
            self.starts.extend(range(last + _LETTERS_A_TOKEN, place, _LETTERS_A_TOKEN))
        self.starts.append(place)

    def tokens(self, start: int, end: int) -> tuple[int, int]:
        """The first token of a span, and the first behind it."""
        return bisect_right(self.starts, start) - 1, bisect_left(self.starts, end)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is not cut any more: a sentence, a line, a row, a heading."""

    start: int
    end: int
    first: int  # token
    behind: int  # the token after its last
    block: Block
    header_end: int  # of a table, where its first row ends
    opens: bool  # begins a block


def _pieces(text: str, block: Block, ruler: _Ruler, size: int) -> Iterator[_Piece]:
    spans = _parts(text, block)
    header_end = spans[0][1] if block.kind is BlockKind.TABLE and spans else block.start
    for whole in spans:
        for start, end in _cut(text, *whole, ruler, size):
            first, behind = ruler.tokens(start, end)
            yield _Piece(start, end, first, behind, block, header_end, start == block.start)


def _parts(text: str, block: Block) -> list[tuple[int, int]]:
    """The sentences or lines of a block, without the white space between them."""
    if block.kind is BlockKind.HEADING:
        return [(block.start, block.end)]
    if block.kind is BlockKind.CODE:
        return _code_lines(text, block)
    ends = _SENTENCE_END if block.kind is BlockKind.PARAGRAPH else _LINE_END
    return _between(text, block, ends)


def _code_lines(text: str, block: Block) -> list[tuple[int, int]]:
    """Lines with their indentation, but for empty ones."""
    lines, start = [], block.start
    for line in text[block.start : block.end].split("\n"):
        if line.strip():
            lines.append((start, start + len(line.rstrip())))
        start += len(line) + 1
    return lines


def _between(text: str, block: Block, ends: regex.Pattern[str]) -> list[tuple[int, int]]:
    cuts = [end.end() for end in ends.finditer(text, block.start, block.end)]
    parts = pairwise([block.start, *cuts, block.end])
    return [
        (start, end) for start, end in (_stripped(text, *part) for part in parts) if start < end
    ]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without white space at its ends; an empty one, if it is nothing else."""
    part = text[start:end].rstrip()
    return start + len(part) - len(part.lstrip()), start + len(part)


def _cut(text: str, start: int, end: int, ruler: _Ruler, size: int) -> Iterator[tuple[int, int]]:
    """A sentence in parts that each fit into a passage; mostly the whole."""
    while start < end:
        first, behind = ruler.tokens(start, end)
        if behind - first <= size:
            yield start, end
            return
        at = _place(text, start, ruler.starts[first + size])
        part = _stripped(text, start, at)
        if part[0] < part[1]:
            yield part
        start = _behind_blanks(text, at, end)


def _behind_blanks(text: str, start: int, end: int) -> int:
    found = _INK.search(text, start, end)
    return found.start() if found else end


def _place(text: str, start: int, limit: int) -> int:
    """Where to cut: at the last good place in the half before `limit`, or else there."""
    for cut in _CUTS:
        if found := cut.search(text, (start + limit) // 2, limit):
            return found.end()
    at = limit
    while at > max(start + 1, limit - _MAX_JOINED) and _JOINED.match(text, at):
        at -= 1
    return limit if _JOINED.match(text, at) else at


def _spans(pieces: Sequence[_Piece], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """From which piece to which each passage goes."""
    begin = fresh = 0
    while fresh < len(pieces):
        end = _end(pieces, begin, fresh, size)
        yield begin, end
        begin, fresh = _next(pieces, begin, end, size, overlap), end


def _end(pieces: Sequence[_Piece], begin: int, fresh: int, size: int) -> int:
    """Where the passage ends that begins with `begin`, and has more than what overlaps."""

    def tokens(end: int) -> int:
        return pieces[end - 1].behind - pieces[begin].first

    end = fresh + 1
    while end < len(pieces) and tokens(end + 1) <= size:
        if _begins_section(pieces, end) and tokens(end) >= size * _SMALL_SECTION:
            return end
        end += 1
    if end == len(pieces):
        return end
    good = (
        at for at in range(end, fresh, -1) if pieces[at].opens and tokens(at) >= size * _GOOD_BREAK
    )
    end = next(good, end)
    while end - 1 > fresh and _is_heading(pieces[end - 1]):  # it goes with what it heads
        end -= 1
    return end


def _next(pieces: Sequence[_Piece], begin: int, end: int, size: int, overlap: int) -> int:
    """Where the passage after ``pieces[begin:end]`` begins: as far back as may overlap."""
    at = end
    if end == len(pieces) or _is_heading(pieces[end]):
        return at
    while at - 1 > begin and not _is_heading(pieces[at - 1]):
        first = pieces[at - 1].first
        if pieces[end - 1].behind - first > overlap or pieces[end].behind - first > size:
            break
        at -= 1
    return at


def _is_heading(piece: _Piece) -> bool:
    return piece.block.kind is BlockKind.HEADING


def _begins_section(pieces: Sequence[_Piece], at: int) -> bool:
    return pieces[at].opens and _is_heading(pieces[at]) and not _is_heading(pieces[at - 1])


def _chunk(text: str, pieces: Sequence[_Piece]) -> Chunk:
    first, last = pieces[0], pieces[-1]
    in_table = first.block.kind is BlockKind.TABLE and not first.opens
    return Chunk(
        text=text[first.start : last.end],
        start=first.start,
        end=last.end,
        tokens=last.behind - first.first,
        page=first.block.page,
        headings=_shared_path(text, dict.fromkeys(piece.block for piece in pieces)),
        table_header=text[first.block.start : first.header_end] if in_table else "",
    )


def _shared_path(text: str, blocks: Collection[Block]) -> tuple[str, ...]:
    """The headings that all blocks stand under. Headings stand under themselves, but say nothing
    where something stands under them."""
    paths = [block.headings for block in blocks if block.kind is not BlockKind.HEADING]
    alone = [(*block.headings, text[block.start : block.end]) for block in blocks]
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*(paths or alone), strict=False))
    return tuple(level[0] for level in levels)
