"""Tables whose cells say where they stand and how far they reach."""

from collections.abc import Iterable

SPAN = 1_000  # rows or columns, as far as a cell is believed to reach


def spread(cells: Iterable[tuple[int, int, int, int, str]]) -> list[list[str]]:
    """Rows of texts from (row, column, rows, columns, text) of each cell, in any order.

    A cell that reaches over several rows stands in each of them, so that each row says it; one that
    reaches over several columns stands in the first.
    """
    rows: dict[int, dict[int, str]] = {}
    for row, column, height, _, text in cells:
        # One that reaches further than any real one is not believed.
        for below in range(max(height, 1) if height <= SPAN else 1):
            rows.setdefault(row + below, {})[column] = text
    return [
        [line.get(column, "") for column in range(max(line) + 1)]
        for _, line in sorted(rows.items())
    ]
