"""CSV and its kin: fields between commas, semicolons, tabs or bars."""

import csv

from knowledge.readers.draft import Draft
from knowledge.readers.encodings import decode
from knowledge.readers.limits import Unreadable

DELIMITERS = ",;\t|"


def read(data: bytes, _: str, draft: Draft) -> None:
    text = decode(data)
    csv.field_size_limit(draft.limits.characters)
    rows = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text))
    try:
        draft.table(rows)
    except csv.Error as error:
        raise Unreadable(f"It is no valid CSV: line {rows.line_num}: {error}.") from None


def _delimiter(text: str) -> str:
    """The one that occurs in most of the first lines, equally often in each."""
    return max(DELIMITERS, key=lambda delimiter: _fitness(text, delimiter))


def looks_delimited(text: str) -> bool:
    """Whether the first lines, at least three, have equally many fields, at least three."""
    lines = len(_first_lines(text))
    found = (_fitness(text, delimiter) for delimiter in DELIMITERS)
    return lines > 2 and any(count == lines and fields > 2 for count, fields in found)


def _fitness(text: str, delimiter: str) -> tuple[int, int]:
    """How many of the first lines have as many fields as most of them, and how many these are."""
    counts = [len(next(csv.reader([line], delimiter=delimiter), ())) for line in _first_lines(text)]
    usual = max(set(counts), key=counts.count, default=1)
    return (counts.count(usual) if usual > 1 else 0, usual)


def _first_lines(text: str) -> list[str]:
    return [line for line in text[:20_000].splitlines()[:20] if line.strip()]
