"""Markdown: its text stays as written; its structure comes from markdown-it."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge.readers.draft import Draft, clean
from knowledge.readers.encodings import decode

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)
_LINE_OF_HEADING = re.compile(r"^\s*#{1,6}\s+|\s+#+\s*$|\n\s*[=-]+\s*$")
_TABLE_EDGES = re.compile(r"^\s*\||\|\s*$")
_CELL_END = re.compile(r"(?<!\\)\|")


def read(data: bytes, _: str, draft: Draft) -> None:
    text = clean(decode(data))
    matter = _FRONT_MATTER.match(text)
    if matter:
        title = _TITLE.search(matter[1])
        draft.title = title[1] if title else None
        draft.code(matter[1])
        text = text[matter.end() :]
    lines = text.split("\n")
    for token in _tops(MarkdownIt("commonmark").enable("table").parse(text)):
        start, end = token.map or (0, 0)
        _add(token, "\n".join(lines[start:end]), draft)


def _tops(tokens: list[Token]) -> list[Token]:
    return [token for token in tokens if token.level == 0 and token.map and token.nesting >= 0]


def _add(token: Token, source: str, draft: Draft) -> None:
    match token.type:
        case "heading_open":
            draft.heading(_LINE_OF_HEADING.sub("", source), int(token.tag[1:]))
        case "table_open":
            draft.table(_rows(source), header=True)
        case "fence" | "code_block":
            draft.code(source)
        case "bullet_list_open" | "ordered_list_open":
            draft.written_list(source)
        case "hr":
            pass
        case _:
            draft.paragraph(source)


def _rows(source: str) -> list[list[str]]:
    """Cells of each line but the second, which is the line of dashes."""
    return [
        [cell.strip() for cell in _CELL_END.split(_TABLE_EDGES.sub("", line))]
        for number, line in enumerate(source.split("\n"))
        if number != 1
    ]
