"""Rich text (RTF), read by striprtf."""

import re

from striprtf.striprtf import rtf_to_text

from knowledge.readers.draft import Draft

NESTING = 1_000
_TITLE = re.compile(r"\\title\s+([^{}\\]+)")


def read(data: bytes, _: str, draft: Draft) -> None:
    source = data.decode("latin-1")  # RTF is ASCII: other characters are escaped
    if _nesting(source) > NESTING:
        raise RecursionError
    text = str(rtf_to_text(source, errors="replace"))  # type: ignore[no-untyped-call]
    title = _TITLE.search(source)
    draft.title = title[1] if title else None
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.count("|") > 1 or (rows and "|" in line):  # striprtf ends each cell with a bar
            rows.append(line.rstrip("|").split("|"))
            continue
        if rows:
            draft.table(rows)
            rows = []
        draft.paragraph(line)
    if rows:
        draft.table(rows)


def _nesting(source: str) -> int:
    depth = deepest = 0
    for found in re.finditer(r"\\[\\{}]|[{}]", source):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        deepest = max(deepest, depth)
    return deepest
