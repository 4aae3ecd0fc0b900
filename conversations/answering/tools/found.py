"""The numbers by which a model cites the passages of an answer, whoever found them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Numbered:
    """Passages with their numbers: first those that were looked for before the model was asked,
    then what its tools find."""

    def __init__(self, citations: Sequence[Mapping[str, Any]] = ()) -> None:
        self.numbers = {int(one["number"]) for one in citations}
        """All that the model may cite."""
        self._places = {_place(one): int(one["number"]) for one in citations}

    def number(self, citation: Mapping[str, Any]) -> int:
        """The number of a passage: the one that it has, or the next."""
        place = _place(citation)
        if place not in self._places:
            self._places[place] = max(self.numbers, default=0) + 1
            self.numbers.add(self._places[place])
        return self._places[place]


def _place(citation: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return citation["document_id"], citation["start"], citation["end"]
