"""The numbers in square brackets by which a model names the passages that it was given. Pure.

``[2]``, ``[1, 3]`` and ``【2】`` name passages; ``[0]``, a number of three digits, a link
(``[1](…)``) and what stands in code do not. What names a passage that there is not is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversations.answering.events import EventType, JournalEvent

_LONGEST = 100
"""Characters of what may still become a citation."""
_TOKEN = re.compile(
    r"(?P<fence>```|~~~)|(?P<code>`)|(?P<line>\n)"
    r"|(?P<cited>(?:\[|【)\s*(?P<numbers>[1-9]\d?(?:\s*[,、，]\s*[1-9]\d?)*)\s*(?:\]|】)(?!\())"
)
_MAY_BEGIN = re.compile(r"(?:(?<!`)`{1,2}|(?<!~)~{1,2}|(?:\[|【)[\d\s,、，]*(?:\]|】)?)\Z")


@dataclass(slots=True)
class CitationReader:
    """Reads an answer as it comes, and gives back what is shown of it. `known` are the numbers of
    the passages; `cited` are those named so far."""

    known: Collection[int]
    cited: set[int] = field(default_factory=set)
    dropped: list[int] = field(default_factory=list)
    _held: str = ""
    _code: str = ""
    """The mark that ends the code that is being read; empty outside of code."""

    def feed(self, text: str) -> str:
        """What is shown of `text` and of what was held back before."""
        text = self._held + text
        held = _MAY_BEGIN.search(text, max(0, len(text) - _LONGEST))
        self._held = held[0] if held else ""
        return self._shown(text[: len(text) - len(self._held)])

    def end(self) -> str:
        """What was held back, when nothing follows."""
        text, self._held = self._held, ""
        return self._shown(text)

    def taken(self) -> list[int]:
        """The numbers that have been dropped since this was asked last."""
        dropped, self.dropped = self.dropped, []
        return dropped

    def _shown(self, text: str) -> str:
        return _TOKEN.sub(self._resolved, text)

    def _resolved(self, found: re.Match[str]) -> str:
        whole = found[0]
        if found["line"]:
            self._code = "" if self._code == "`" else self._code
            return whole
        if mark := found["fence"] or found["code"]:
            if not self._code:
                self._code = mark
            elif self._code == mark:
                self._code = ""
            return whole
        if self._code:
            return whole
        numbers = [int(number) for number in re.findall(r"\d+", found["numbers"])]
        known = [number for number in numbers if number in self.known]
        self.cited.update(known)
        self.dropped += [number for number in numbers if number not in self.known]
        if len(known) == len(numbers):
            return whole
        return f"[{', '.join(map(str, known))}]" if known else ""


def citations_of(events: Iterable[JournalEvent], text: str) -> list[dict[str, Any]]:
    """The passages that an answer was given, each with whether its `text` names it."""
    found = {one["number"]: one for event in events for one in _found(event)}
    if not found:
        return []
    reader = CitationReader(found)
    reader.feed(text)
    reader.end()
    return [{**one, "cited": number in reader.cited} for number, one in found.items()]


def _found(event: JournalEvent) -> Sequence[dict[str, Any]]:
    """The passages that were found, before the model was asked or by a tool."""
    found: Any = ()
    if event.type == EventType.RETRIEVED:
        found = event.data["citations"]
    elif event.type == EventType.CALL_ENDED and event.data["name"].startswith("knowledge_"):
        found = (event.data.get("structured") or {}).get("citations", ())
    return list(found)


def retrieval_of(events: Sequence[JournalEvent]) -> dict[str, Any] | None:
    """How the passages of an answer were found, which of them it names, and which it names that
    there are not; None where none were looked for."""
    for event in events:
        if event.type == EventType.RETRIEVED:
            told = {name: value for name, value in event.data.items() if name != "citations"}
            dropped = [one.data["number"] for one in events if one.type == EventType.DROPPED]
            return {**told, "found": len(event.data["citations"]), "dropped": dropped}
    return None
