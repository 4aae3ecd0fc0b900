"""Headers, footers and page numbers: what stands at the same place of page after page."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from knowledge.readers.lines import Line

EDGE = 2  # lines from either end of a page
PAGES = 3  # as often it has to stand there
_NUMBER = re.compile(r"\d{1,5}")

_Key = tuple[str, int]
"""What a line says, and at what height."""


def without_running_heads(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages with each such line left on the first page that has it, so that nothing is lost."""
    keys = [
        {number: set(_keys(lines, number, index)) for number in _edges(lines)}
        for index, lines in enumerate(pages)
    ]
    on_pages = [set[_Key]().union(*of_page.values()) for of_page in keys]
    times = Counter(key for of_page in on_pages for key in of_page)
    running = {key for key, count in times.items() if count >= PAGES}
    seen: set[_Key] = set()
    kept: list[list[Line]] = []
    for lines, of_page, on_page in zip(pages, keys, on_pages, strict=True):
        again = {number for number, of_line in of_page.items() if of_line & seen}
        kept.append([line for number, line in enumerate(lines) if number not in again])
        seen |= running & on_page
    return kept


def _edges(lines: Sequence[Line]) -> set[int]:
    """Numbers of the first and last lines (not of those that OCR found: their place is unknown)."""
    count = len(lines)
    numbers = {*range(min(EDGE, count)), *range(max(0, count - EDGE), count)}
    return {number for number in numbers if lines[number].size}


def _keys(lines: Sequence[Line], number: int, index: int) -> Iterator[_Key]:
    """The line as it is and, unless it is a title, with each of its numbers in turn taken as the
    page's: less `index`, which makes page numbers the same on all pages."""
    line = lines[number]
    text, height = "".join(line.text.split()), round(line.base / 2)
    yield text, height
    if line.size <= median(other.size for other in lines):
        for found in _NUMBER.finditer(text):
            page = int(found[0]) - index
            yield f"{text[: found.start()]}\0{page}\0{text[found.end() :]}", height
