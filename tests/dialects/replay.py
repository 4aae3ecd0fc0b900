"""Transcripts: what a client of a dialect sends and gets, as text files that tests replay.

    ### what happens
    vendor {"pieces": ["…"]}             the next call's script, if a model is asked
    POST /api/sessions                   then headers, an empty line and the body, if there are any
    --- 201 application/json
    {"session_id":"<uuid a>", …}         the answer's body, byte for byte (a stream ends its frame)

``<kind name>`` stands for a value that is another every time; where the name comes again, also in
a request, it is the same value. ``<kind>`` alone may be any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

EVENT_STREAM = "text/event-stream"
FOLDER = Path(__file__).parent / "transcripts"
KINDS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "int": r"\d+",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)",
    "version": r"\d+\.\d+\.\d+",
    "jwt": r"[\w-]+\.[\w-]+\.[\w-]+",
}
PLACEHOLDER = re.compile(rf"<({'|'.join(KINDS)})(?: (\w+))?>")


@dataclass
class Exchange:
    """One request of a transcript and the answer that it has to get."""

    title: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    content_type: str
    answer: str
    vendor: Script | None = None


@dataclass
class Replay:
    """Plays the exchanges of a transcript in their order, and knows the values that came."""

    client: httpx.Client
    stage: Stage
    known: dict[str, str] = field(default_factory=dict)

    def play(self, exchange: Exchange) -> None:
        if exchange.vendor:
            self.stage.next(exchange.vendor)
        answer = self.client.request(
            exchange.method,
            self._filled(exchange.path),
            headers={name: self._filled(value) for name, value in exchange.headers.items()},
            content=self._filled(exchange.body).encode(),
        )
        told = (answer.status_code, answer.headers["content-type"].partition(";")[0])
        assert told == (exchange.status, exchange.content_type), answer.text
        self._compare(exchange.answer, answer.content.decode())

    def _filled(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda found: self.known[found[2]], text)

    def _compare(self, expected: str, got: str) -> None:
        names: list[str] = []
        pattern = "".join(self._pattern(piece, names) for piece in _pieces(expected))
        match = re.fullmatch(pattern, got)
        assert match, f"expected\n{expected}\ngot\n{got}"
        self.known |= dict(zip(names, match.groups(), strict=True))

    def _pattern(self, piece: str | re.Match[str], names: list[str]) -> str:
        if isinstance(piece, str):
            return re.escape(piece)
        kind, name = piece.groups()
        if name is None:
            return KINDS[kind]
        if name in self.known:
            return re.escape(self.known[name])
        if name in names:
            return rf"\{names.index(name) + 1}"
        names.append(name)
        return f"({KINDS[kind]})"


def read(path: Path) -> list[Exchange]:
    _, *blocks = re.split(r"^### ", path.read_text(), flags=re.MULTILINE)
    return [_exchange(block) for block in blocks]


def _exchange(block: str) -> Exchange:
    asked, told = re.split(r"^--- ", block, maxsplit=1, flags=re.MULTILINE)
    title, *lines = asked.split("\n")
    script = None
    if lines[0].startswith("vendor "):
        script = _script(json.loads(lines.pop(0).removeprefix("vendor ")))
    method, path = lines.pop(0).split(" ", 1)
    head = lines[: lines.index("")]
    body = "\n".join(lines[len(head) :])
    line, _, answer = told.partition("\n")
    status, content_type = line.split(" ")
    return Exchange(
        title,
        method,
        path,
        dict(line.split(": ", 1) for line in head),
        body.strip(),
        int(status),
        content_type,
        answer.rstrip("\n") + ("\n\n" if content_type == EVENT_STREAM else ""),
        script,
    )


def _script(values: dict[str, object]) -> Script:
    return Script(pieces=[str(piece) for piece in values["pieces"]], usage=Tokens(21, 9))  # type: ignore[attr-defined]  # a list, by the format


def _pieces(text: str) -> Iterator[str | re.Match[str]]:
    position = 0
    for found in PLACEHOLDER.finditer(text):
        yield text[position : found.start()]
        yield found
        position = found.end()
    yield text[position:]
