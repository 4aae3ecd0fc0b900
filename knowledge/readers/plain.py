"""Plain text and source code."""

import re

from knowledge.readers.draft import Draft
from knowledge.readers.encodings import decode

CODE_LINES = 60
_DECLARED = re.compile(rb"coding[:=]\s*([-\w.]+)|encoding=[\"']([-\w.]+)")


def read(data: bytes, kind: str, draft: Draft) -> None:
    if kind == "code":
        found = _DECLARED.search(data[:200])
        add_code(decode(data, (found[1] or found[2]).decode() if found else None), draft)
    else:
        draft.prose(decode(data))


def add_code(text: str, draft: Draft) -> None:
    """Blocks that end where the next one begins at the margin after a blank line."""
    lines: list[str] = []
    after_blank = False
    for line in text.expandtabs(4).splitlines():
        at_margin = bool(line) and not line[0].isspace() and line[0] not in ")}]"
        if lines and ((after_blank and at_margin) or (len(lines) >= CODE_LINES and after_blank)):
            draft.code("\n".join(lines))
            lines = []
        lines.append(line)
        after_blank = not line.strip()
    draft.code("\n".join(lines))
