"""The most tokens that a chat request can be to its vendor: what a hold is placed for.

All of the request counts, as JSON: every place where text can stand, those too that Rini does not
know. A token of text has at least one byte, so its bytes are a bound that costs next to nothing;
where that is too much for a budget, the same text is counted. Files that stand where vendors read
them count by what is charged for their kind, and by their size where that limits it.

Vendors' rules: https://platform.openai.com/docs/guides/images-vision and …/guides/pdf-files,
https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support,
https://ai.google.dev/gemini-api/docs/tokens.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from providers import token_counts
from providers.naming import invalid
from providers.types import ChatRequest
from rini.translation import gettext as _

PICTURE = 5_000
"""Claude's largest (4,784), above OpenAI's (1,536 patches × 2.46) and Gemini's (some tiles)."""
PICTURE_OF_4O_MINI = 50_000
"""OpenAI's gpt-4o-mini counts 2,833 and 5,667 for each of at most 8 tiles."""
PICTURE_AS_IT_IS = 20_000
"""With ``detail: original``: 10,000 patches, times the model's factor."""
PAGE = 3_000
"""Anthropic's upper end of a page's text; its picture costs as much at the most."""
PAGES_ELSEWHERE = 100
"""What vendors take of a document, where it is not in the request."""
VIDEO_ELSEWHERE = 1_000_000
"""An hour of Gemini's 263 tokens a second, and all that its window takes."""
SOUND_ELSEWHERE = 100_000
"""Nearly an hour of Gemini's 32 tokens a second."""
_BYTES_PER_TOKEN = {"wav": 250, "audio": 15, "video": 6}
"""The densest of each: 32 tokens a second of 8 kB raw sound, or of 500 B compressed; 300 a second
of video of 2 kB."""
_LEAST = 100
_MARKED = 64
"""A file with more characters than this is not counted as text too."""
_DATA_URL = re.compile(r"data:([\w.+-]*/[\w.+-]*)[^,]{0,200},")
_PAGES = re.compile(rb"/Count\s+(\d{1,5})\b|/Type\s*/Page\b")
_PLACES = ("url", "image_url", "video_url", "file_url", "file_data", "file_id", "file_uri", "data")
_FORMS = ("media_type", "mime_type", "format", "type")


class _File(NamedTuple):
    data: str
    tokens: int


def in_bytes(request: ChatRequest, model: str) -> int:
    """A bound by the size alone. Raises `InvalidInput` for what nests too deep to be sent."""
    text, files = _json(request), _files(request, model)
    return len(text) + sum(file.tokens - _taken_out(file) for file in files)


def counted(request: ChatRequest, model: str) -> int:
    """A bound by counting the text as the model's vocabulary does."""
    text, files = _json(request).decode(), _files(request, model)
    for data in {file.data for file in files if _taken_out(file)}:
        text = text.replace(data, "")
    return token_counts.count(text, model) + sum(file.tokens for file in files)


def prediction(params: Mapping[str, Any]) -> int:
    """What may come out beside the answer: of a predicted one, all that does not come true."""
    predicted = params.get("prediction")
    return len(orjson.dumps(predicted)) if predicted else 0


def _json(request: ChatRequest) -> bytes:
    try:
        return orjson.dumps([list(request.messages), dict(request.params)])
    except orjson.JSONEncodeError:
        raise invalid("messages", "invalid_input", _("The request is nested too deeply.")) from None


def _taken_out(file: _File) -> int:
    """How much of the text a file was."""
    return len(file.data) if len(file.data) >= _MARKED else 0


def _files(request: ChatRequest, model: str) -> list[_File]:
    return [file for part in _parts(request) for file in _in_part(part, model)]


def _parts(request: ChatRequest) -> Iterator[Mapping[str, Any]]:
    for message in request.messages:
        yield from _parts_of(message)


def _parts_of(holder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of a message, or of a tool's result, that are no text."""
    content = holder.get("content")
    for part in content if isinstance(content, list) else (content,):
        if isinstance(part, Mapping) and part.get("type") != "text":
            yield part
            yield from _parts_of(part)


def _in_part(part: Mapping[str, Any], model: str) -> Iterator[_File]:
    """The files in a part of a message: in itself, or in the object that it is named after."""
    kind = str(part.get("type", ""))
    for holder in (part, *(value for value in part.values() if isinstance(value, Mapping))):
        form = " ".join(str(holder[name]) for name in _FORMS if name in holder)
        for place in _PLACES:
            if isinstance(value := holder.get(place), str) and value:
                file = _file(value, f"{kind} {form}", model)
                original = holder.get("detail") == "original"
                yield file._replace(tokens=file.tokens + PICTURE_AS_IT_IS * original)


def _file(value: str, told: str, model: str) -> _File:
    """A file by what the request says of it, or by its own data URL where that says more."""
    url = _DATA_URL.match(value)
    data = value[url.end() :] if url else value
    kind = _kind(url[1] if url else told)
    if kind == "picture":
        most = PICTURE_OF_4O_MINI if "4o-mini" in model else PICTURE
    elif not url and re.match(r"[a-z]{2,5}://|file[-_s]", value):
        elsewhere = {"video": VIDEO_ELSEWHERE, "audio": SOUND_ELSEWHERE, "wav": SOUND_ELSEWHERE}
        most = elsewhere.get(kind, PAGES_ELSEWHERE * 2 * PAGE)
    elif kind == "document":
        most = _of_document(data)
    else:
        most = _LEAST + len(data) * 3 // 4 // _BYTES_PER_TOKEN[kind]
    return _File(data, most)


def _kind(told: str) -> str:
    """The first that fits; anything else counts as a document."""
    told = told.lower()
    if "video" in told:
        return "video"
    if "image" in told:
        return "picture"
    if "wav" in told:
        return "wav"
    return "audio" if "audio" in told else "document"


def _of_document(data: str) -> int:
    """Its bytes as text, and as many pages as it says of itself: small ones may have many."""
    try:
        raw = b64decode(data[: len(data) // 4 * 4])
    except ValueError:
        return len(data) + PAGE
    told = [int(found[1]) if found[1] else 1 for found in _PAGES.finditer(raw)]
    pages = max(1, *told, len(told)) if told else 1
    return len(raw) + 2 * PAGE * pages
