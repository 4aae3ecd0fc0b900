"""Bytes of a text whose encoding nobody names."""

import codecs
import re

from knowledge.readers.limits import Unreadable

# What a wrong guess or a binary file decodes to; form feeds and escapes occur in real texts.
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_SHIFT = b"\x1b$"  # begins Japanese and Korean in seven bits (ISO 2022), which passes for UTF-8
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, declared: str | None = None) -> str:
    """The text: by its mark, as UTF-8, as `declared`, or in the encoding that its bytes suggest.

    UTF-8 goes before what is declared, because text in another encoding hardly ever passes for it,
    while declarations are often left over from before a conversion. Raises `Unreadable` for bytes
    that are not text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _text(data, encoding)
    if b"\x00" not in data and _SHIFT not in data:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    if declared and _is_known(declared):
        try:
            return data.decode(declared)
        except UnicodeDecodeError:
            pass
    return _text(data, _detected(data))


def is_text(data: bytes) -> bool:
    """Whether the beginning of a document reads as text."""
    try:
        decode(data[:4096])
    except Unreadable:
        return False
    return True


def _detected(data: bytes) -> str:
    import chardet  # 60 ms, for texts that are not UTF-8

    found = chardet.detect(
        data,
        encoding_era=chardet.EncodingEra.MODERN_WEB,
        prefer_superset=True,
        compat_names=False,
    )["encoding"]
    return found or "cp1252"


def _text(data: bytes, encoding: str) -> str:
    text = data.decode(encoding, errors="replace")
    sample = text[:100_000]
    if len(_NOT_TEXT.findall(sample)) > len(sample) / 50:
        raise Unreadable("It is not text, nor a kind of document that Rini reads.")
    return text


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True
