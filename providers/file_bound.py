"""The most tokens that one file of a request can be to its vendor. Pure.

A vendor opens what it gets, and files are made to be small: a page of a PDF can say a text a
thousand times, a film of an hour can be two pictures, an hour of silence some kilobytes. So the
size of a file tells something only where its format does not compress beyond a known measure; all
others may fill the model's window.

Vendors' rules: https://platform.openai.com/docs/guides/images-vision and …/guides/pdf-files,
https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support,
https://ai.google.dev/gemini-api/docs/tokens.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from providers.types import Target

WINDOW = 1_050_000
"""The largest that models which look at files have (gpt-5.4; Gemini: 1,048,576)."""
PICTURE = 5_000
"""Claude's largest (4,784), above OpenAI's (1,536 patches × 2.46) and Gemini's (some tiles)."""
PICTURE_OF_4O_MINI = 50_000
"""OpenAI's gpt-4o-mini counts 2,833 and 5,667 for each of at most 8 tiles."""
PICTURE_AS_IT_IS = 20_000
"""With ``detail: original``: 10,000 patches, times the model's factor."""
PAGE = 3_000
"""Anthropic's upper end of a page's text; its picture costs as much at the most."""
SOUND_PER_SECOND = 32
"""Gemini's; OpenAI counts fewer."""
BYTES_PER_SECOND_OF_MP3 = 500
"""Half of what the format has at the least."""
TOKENS_PER_BYTE_OF_OPUS = 2
"""A packet of silence has 2 bytes with its length, and 120 ms; one of AAC's has more."""
_HEAD = 65_536
_DATA_URL = re.compile(r"\s*data:([^;,]*)([^,]*),", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ALWAYS_ELSEWHERE = ("file_id", "file_uri")
_FORMS = ("format", "media_type", "mime_type")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_NO_BASE64_AT_ALL = re.compile(r"[^A-Za-z0-9+/=_\s-]")
_STANDARD = str.maketrans("-_", "+/")
_PAGES = re.compile(rb"/Count\s+(\d{1,5})\b|/Type\s*/Page\b")


class Kind(Enum):
    PICTURE = auto()
    SOUND = auto()
    FILM = auto()
    DOCUMENT = auto()


_SIGNS = {
    "image": Kind.PICTURE,
    "audio": Kind.SOUND,
    "video": Kind.FILM,
    "file": Kind.DOCUMENT,
    "document": Kind.DOCUMENT,
}
"""In a part's type, or the names of its places: ``input_audio``, ``image_url``."""


class File(NamedTuple):
    """What a request says of a file: where it stands, its value, and the kinds that it may be."""

    place: str
    value: str
    kinds: frozenset[Kind]
    as_it_is: bool = False


def found(place: str, value: str, holder: Mapping[str, Any], outer: str) -> File:
    """The file at `place` of `holder`; `outer` is what the part around it says that it is.

    A data URL says what it is; everything else may be whatever is said of it.
    """
    if url := _DATA_URL.match(value):
        kinds = {_of_form(url[1]) or Kind.DOCUMENT}
    else:
        told = [_of_name(holder.get("filename")), *(_of_form(holder.get(name)) for name in _FORMS)]
        kinds = {kind for sign, kind in _SIGNS.items() if sign in f"{outer} {place}"}
        kinds |= {kind for kind in told if kind}
    as_it_is = holder.get("detail") == "original"
    return File(place, value, frozenset(kinds or {Kind.DOCUMENT}), as_it_is)


def window(target: Target) -> int:
    """What all files of a request can be together: none is longer."""
    return target.context_window or WINDOW


def most(file: File, target: Target) -> int:
    """The most tokens that it can be."""
    return min(max(_most(kind, file, target) for kind in file.kinds), window(target))


def usual(file: File, target: Target) -> int:
    """About as many as it is, as far as its size tells."""
    if Kind.DOCUMENT in file.kinds and not is_elsewhere(file):
        return _as_it_looks(_bytes(file.value))
    return most(file, target)


def is_elsewhere(file: File) -> bool:
    """Whether the vendor has the file, or fetches it."""
    return file.place in _ALWAYS_ELSEWHERE or bool(_ELSEWHERE.match(file.value))


def _most(kind: Kind, file: File, target: Target) -> int:
    if kind == Kind.PICTURE and not _may_be_anything(file, target):
        pixels = PICTURE_OF_4O_MINI if "4o-mini" in target.model else PICTURE
        return pixels + PICTURE_AS_IT_IS * file.as_it_is
    if is_elsewhere(file):
        return WINDOW
    if kind == Kind.SOUND:
        return _of_sound(_bytes(file.value))
    if kind == Kind.FILM:
        return WINDOW
    return max(_of_document(_bytes(file.value)), _of_plain_text(file.value))


def _may_be_anything(file: File, target: Target) -> bool:
    """Whether it is for Google to find out what stands at an address: it takes films there too."""
    if not is_elsewhere(file) or "gemini" not in target.model.lower():
        return False
    try:
        path = urlsplit(file.value.strip()).path
    except ValueError:
        return True
    return _of_name(path) != Kind.PICTURE


def _of_form(form: object) -> Kind | None:
    """By a media type; None for what is none."""
    family, slash, __ = str(form).strip().lower().partition("/")
    families = {"image": Kind.PICTURE, "audio": Kind.SOUND, "video": Kind.FILM}
    return families.get(family, Kind.DOCUMENT) if slash else None


def _of_name(name: object) -> Kind | None:
    return _of_form(mimetypes.guess_type(str(name))[0])


def _bytes(value: str) -> bytes:
    """What base64, or a data URL, stands for, read as leniently as anybody may."""
    url = _DATA_URL.match(value)
    if url and "base64" not in map(str.strip, url[2].lower().split(";")):
        return unquote_to_bytes(value[url.end() :])
    data = _NO_BASE64.sub("", value[url.end() if url else 0 :].translate(_STANDARD))
    return b64decode(data[: len(data) - (len(data) % 4 == 1)] + "==")


def _of_document(raw: bytes) -> int:
    """A text has no more tokens than bytes. All others are packed in some way."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return WINDOW
    return WINDOW if b"%PDF" in raw[:_HEAD] else len(raw) + PAGE


def _of_plain_text(value: str) -> int:
    """Of a document that is written as it is, where base64 is asked for."""
    is_encoded = _DATA_URL.match(value) or not _NO_BASE64_AT_ALL.search(value)
    return 0 if is_encoded else len(value.encode(errors="replace")) + PAGE


def _as_it_looks(raw: bytes) -> int:
    """A document's bytes as text, and as many pages as it says of itself."""
    told = [int(one[1]) if one[1] else 1 for one in _PAGES.finditer(raw)]
    return len(raw) + 2 * PAGE * max(1, len(told), *told)


def _of_sound(raw: bytes) -> int:
    head = raw[:_HEAD]
    if rate := _bytes_per_second_of_wav(head):
        return SOUND_PER_SECOND * (1 + len(raw) // rate)
    if _is_mp3(raw):
        return SOUND_PER_SECOND * (1 + len(raw) // BYTES_PER_SECOND_OF_MP3)
    is_opus = head.startswith(_OGG_AND_WEBM) and b"OpusHead" in head
    is_aac = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return TOKENS_PER_BYTE_OF_OPUS * len(raw) if is_opus or is_aac else WINDOW


def _bytes_per_second_of_wav(head: bytes) -> int:
    """Of sound as it is, in whole samples; 0 for every other."""
    at = head.find(b"fmt ")
    if (head[:4], head[8:12]) != (b"RIFF", b"WAVE") or head.count(b"fmt ") != 1:
        return 0
    form, channels, bits, inner = (_number(head, at + i, 2) for i in (8, 10, 22, 32))
    if (inner if form == _EXTENSIBLE else form) not in _AS_IT_IS:
        return 0
    return _number(head, at + 12, 4) * channels * bits // 8


def _is_mp3(raw: bytes) -> bool:
    """Whether its first frame is one, behind the tag that may stand before it."""
    at = 0
    if raw[:3] == b"ID3":
        at = 10 + sum((byte & 0x7F) << (21 - 7 * i) for i, byte in enumerate(raw[6:10]))
    return _number(raw, at, 1) == 0xFF and _number(raw, at + 1, 1) & 0xE6 == 0xE2


def _number(raw: bytes, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


_OGG_AND_WEBM = (b"OggS", b"\x1aE\xdf\xa3")
_AS_IT_IS = (1, 3)
_EXTENSIBLE = 0xFFFE
