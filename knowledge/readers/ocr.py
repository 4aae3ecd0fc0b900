"""Pages that are pictures, read by the program tesseract where it is installed.

Picture and text go through pipes; nothing is written to disk.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any

from knowledge.readers.limits import Limits, Unreadable
from knowledge.readers.lines import Line

DOTS_PER_INCH = 200
MOST_PIXELS = 16_000_000
_UNSPACED = "[\u2e80-\u312f\u31a0-\ua4cf\uf900-\ufaff\uff00-\uffef]"
# Tesseract puts spaces between Chinese and Japanese characters.
_SPACES = re.compile(f"(?<={_UNSPACED}) (?={_UNSPACED})")


def read_pages(
    document: Any, pages: Sequence[int], limits: Limits
) -> Iterator[tuple[int, list[Line]]]:
    """(page's index, its lines) for as many of the pages as ``limits.ocr_seconds`` allow."""
    program = shutil.which("tesseract")
    if program is None:
        raise Unreadable(
            f"{len(pages)} of its pages are pictures, and OCR=tesseract is set, but the program "
            "tesseract is not installed on the server's workers."
        )
    languages = _installed(program, limits.ocr_languages)
    deadline = time.monotonic() + limits.ocr_seconds
    for index in pages:
        picture = _picture(document, index)
        try:
            text = _recognised(program, languages, picture, deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            return
        yield index, _lines(text)


def _installed(program: str, wanted: str) -> str:
    listed = subprocess.run(  # noqa: S603
        [program, "--list-langs"], capture_output=True, text=True, check=True, timeout=10
    ).stdout.split()
    languages = [language for language in wanted.split("+") if language in listed]
    if not languages:
        raise Unreadable(f"Tesseract on the server's workers has none of the languages {wanted}.")
    return "+".join(languages)


def _picture(document: Any, index: int) -> bytes:
    """A page in grey, as PGM (which is a line of text before the bytes of its rows)."""
    page = document[index]
    width, height = page.get_size()
    scale = DOTS_PER_INCH / 72
    scale *= min(1.0, (MOST_PIXELS / max(width * height * scale * scale, 1.0)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    rows = memoryview(bitmap.buffer)
    pixels = b"".join(
        bytes(rows[row * bitmap.stride : row * bitmap.stride + bitmap.width])
        for row in range(bitmap.height)
    )
    picture = b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + pixels
    bitmap.close()
    page.close()
    return picture


def _recognised(program: str, languages: str, picture: bytes, seconds: float) -> str:
    done = subprocess.run(  # noqa: S603
        [program, "stdin", "stdout", "-l", languages, "--dpi", str(DOTS_PER_INCH)],
        input=picture,
        capture_output=True,
        check=False,
        timeout=max(seconds, 0),
    )
    return done.stdout.decode(errors="replace")


def _lines(text: str) -> list[Line]:
    lines: list[Line] = []
    base = 0.0
    for line in text.splitlines():
        base -= 2.0
        if line.strip():
            lines.append(Line(_SPACES.sub("", line.strip()), base=base, last_base=base))
    return lines
