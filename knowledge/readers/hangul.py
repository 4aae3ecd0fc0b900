"""What the two formats of Hangul documents have in common: headings are known by their style."""

import re

HEADING_LENGTH = 200
_STYLE = re.compile(r"(?:개요|제목|Outline|Heading)\s*(\d)", re.IGNORECASE)


def level_of_style(name: str) -> int:
    """The level of the headings that a style of this name is for, from 1; 0 for other styles."""
    found = _STYLE.fullmatch(name.strip())
    return int(found[1]) if found else 0
