"""Lines of pages, as a PDF has them, put together to headings, paragraphs and lists.

A PDF knows where ink is, not what a paragraph is. Space, indentation and size tell it, as they tell
a reader; a document's own outline, where it has one, tells its headings.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from knowledge.readers.draft import Draft

HEADING_RATIO = 1.15
HEADING_LENGTH = 200
HEADINGS_SHARE = 0.2  # of the lines: where more are large, size does not tell headings
LEVELS = 6

_BULLET = re.compile(r"\s*[*•‣◦▪▫■□●○◆◇▶►✓➢·∙\uf0b7\uf0a7–—-]\s+(?=\S)")
_NUMBER = re.compile(r"\s*(?:\(?\d{1,3}[.)]\s|\(?[a-z가-하][.)]\s|[①-⑳㉮-㉻]|※)")
_ENDS_SENTENCE = re.compile(r"[.!?:。！？：…][\"'”’)\]」』）]*\s*$")
# Han, kana and their punctuation: scripts that put nothing between the lines of a sentence.
_UNSPACED = re.compile("[\u2e80-\u312f\u31a0-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
_PROGRAM = re.compile(
    r"^(?:Microsoft \w+ - |\(?anonymous\)?$)|\.(?:docx?|pptx?|xlsx?|hwpx?|pages|indd)$"
)
_GARBAGE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")


@dataclass(slots=True)
class Line:
    """A line of text and where it is on its page, in points from the lower left corner."""

    text: str
    left: float = 0.0
    right: float = 0.0
    base: float = 0.0
    last_base: float = 0.0
    """Of its last character: PDFium makes one line of two that a divided word connects."""
    size: float = 0.0
    """Of its characters' font."""
    hyphenated: bool = False
    """A hyphen at its end only divided a word."""


Outline = Sequence[tuple[int, int, str]]
"""(index of a page, level from 1, title), in order."""

_Mark = tuple[int, int]
"""A heading's level, and a number that all lines of the heading have."""


def add_pages(pages: Sequence[Sequence[Line]], outline: Outline, draft: Draft) -> None:
    """Add what the pages hold to the draft, page by page."""
    spaced = _keep_spaces_at_line_ends(pages)
    by_size = {} if outline else _headings_by_size(pages)
    for index, lines in enumerate(pages):
        draft.page = index + 1
        entries = [(level, title) for page, level, title in outline if page == index]
        marks, missing = _find(entries, lines) if outline else (by_size.get(index, {}), entries)
        for level, title in missing:
            draft.under(title, level)
        for part in _parts(lines, marks):
            _add(part, lines, marks, spaced, draft)


def is_garbled(lines: Sequence[Line]) -> bool:
    """Whether a font hides what its characters mean: they come out as private or unknown ones."""
    text = "".join(line.text for line in lines)
    return len(_GARBAGE.findall(text)) > len(text) / 2


def told_title(title: str | None) -> str | None:
    """A PDF's title, if a person gave it: many have what the program that wrote them put there."""
    title = _PROGRAM.sub("", title or "").strip()
    return None if not title or title.casefold() in {"untitled", "제목 없음", "無題"} else title


def _add(
    part: range, lines: Sequence[Line], marks: Mapping[int, _Mark], spaced: bool, draft: Draft
) -> None:
    text = _joined([lines[number] for number in part], spaced=spaced)
    if part.start in marks:
        draft.heading(text, marks[part.start][0])
    elif _is_item(text):
        draft.item(_BULLET.sub("", text, count=1))
    else:
        draft.paragraph(text)


def _parts(lines: Sequence[Line], marks: Mapping[int, _Mark]) -> Iterator[range]:
    """Ranges of lines that belong together."""
    pitches = [above.last_base - below.base for above, below in pairwise(lines)]
    pitch = median([p for p in pitches if p > 1] or [0.0])
    rights = sorted(line.right for line in lines)
    right = rights[int(len(rights) * 0.9)] if rights else 0.0
    start = 0
    for number in range(1, len(lines) + 1):
        if (
            number == len(lines)
            or marks.get(number) != marks.get(number - 1)
            or _breaks(lines[number - 1], lines[number], pitch, right)
            or _leaves_item(lines[start], lines[number - 1], lines[number], right)
        ):
            yield range(start, number)
            start = number


def _breaks(above: Line, below: Line, pitch: float, right: float) -> bool:
    """Whether a paragraph ends between two lines."""
    if _is_item(below.text):
        return True
    size = above.size or 1.0
    if abs(below.size - above.size) > 0.15 * size:
        return True
    step = above.last_base - below.base
    if step > 1.35 * min(pitch, 2 * size) or step < -size:  # a gap, or the top of the next column
        return True
    return bool(_ENDS_SENTENCE.search(above.text)) and (
        above.right < right - 2 * size or below.left > above.left + 0.8 * size
    )


def _leaves_item(first: Line, above: Line, below: Line, right: float) -> bool:
    """Whether an item ends between two lines: after a short one, back at the bullet's margin."""
    return (
        _is_item(first.text)
        and above.right < right - 4 * first.size
        and below.left < first.left + 0.5 * first.size
    )


def _is_item(text: str) -> bool:
    return bool(_BULLET.match(text) or _NUMBER.match(text))


def _joined(lines: Sequence[Line], *, spaced: bool) -> str:
    right = max(line.right for line in lines)
    text = lines[0].text.strip()
    for above, line in pairwise(lines):
        glue = "\n" if _is_meant(above, line, right) else _glue(above, line, spaced=spaced)
        text += glue + line.text.strip()
    return text


def _is_meant(above: Line, below: Line, right: float) -> bool:
    """Whether the break between two lines is there for its own sake, as in code, tables and verse:
    the next word had had room in the line above."""
    text = below.text.strip()
    word = 3 if _UNSPACED.match(text) else len(text.split(maxsplit=1)[0]) + 1
    width = (below.right - below.left) / len(text)
    return above.right + word * width < right


def _glue(above: Line, below: Line, *, spaced: bool) -> str:
    """What stands between two lines of a paragraph once they are one line."""
    end, start = above.text.rstrip()[-1:], below.text.lstrip()[:1]
    if not end or not start or above.hyphenated:
        return ""
    if _UNSPACED.match(end) and _UNSPACED.match(start):
        return ""
    cut = _HANGUL.match(end) and _HANGUL.match(start) and spaced and not above.text[-1].isspace()
    return "" if cut else " "


def _keep_spaces_at_line_ends(pages: Sequence[Sequence[Line]]) -> bool:
    """Whether lines that end between two Korean words end with a space, so that a line without one
    ends within a word. (Korean is broken at any syllable, but written with spaces.)"""
    ends = Counter(
        above.text[-1:].isspace()
        for lines in pages
        for above, below in pairwise(lines)
        if _HANGUL.match(above.text.rstrip()[-1:]) and _HANGUL.match(below.text.lstrip()[:1])
    )
    return ends[True] > 0.2 * ends.total()


def _headings_by_size(pages: Sequence[Sequence[Line]]) -> dict[int, dict[int, _Mark]]:
    """Short lines in larger type than most of the text; the larger, the further out."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            if line.size:  # not of a line that OCR found
                sizes[_rounded(line.size)] += len(line.text)
    if not sizes:
        return {}
    body = sizes.most_common(1)[0][0]
    found = [
        (index, number, _rounded(line.size))
        for index, lines in enumerate(pages)
        for number, line in enumerate(lines)
        if _rounded(line.size) > HEADING_RATIO * body
        and len(line.text) <= HEADING_LENGTH
        and any(map(str.isalpha, line.text))
    ]
    if len(found) > HEADINGS_SHARE * sum(map(len, pages)) + 1:
        return {}
    largest = sorted({size for *_, size in found}, reverse=True)
    levels = {size: min(rank, LEVELS) for rank, size in enumerate(largest, start=1)}
    marks: dict[int, dict[int, _Mark]] = {}
    for index, number, size in found:
        marks.setdefault(index, {})[number] = (levels[size], 0)
    return marks


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _find(
    entries: Sequence[tuple[int, str]], lines: Sequence[Line]
) -> tuple[dict[int, _Mark], list[tuple[int, str]]]:
    """The lines on a page that are its outline's entries, and the entries that are not found."""
    marks: dict[int, _Mark] = {}
    missing = []
    squeezed = [_squeezed(line.text) for line in lines]
    after = 0
    for order, (level, title) in enumerate(entries):
        place = _place(_squeezed(title), squeezed, after)
        if place is None:
            missing.append((level, title))
            continue
        marks.update(dict.fromkeys(place, (level, order)))
        after = place.stop
    return marks, missing


def _place(title: str, lines: Sequence[str], after: int) -> range | None:
    """Up to three lines that together are the title, with at most a number in front."""
    for start in range(after, len(lines)):
        text = ""
        for stop in range(start, min(start + 3, len(lines))):
            text += lines[stop]
            if len(text) > len(title) + 8:
                break
            if title and text.endswith(title):
                return range(start, stop + 1)
    return None


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
