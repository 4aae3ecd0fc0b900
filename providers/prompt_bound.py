"""The most tokens that a chat request can be to its vendor: what a hold is placed for.

All of the request counts, as JSON: every place where text can stand, those too that Rini does not
know. A token of text has at least one byte, so its bytes are a bound that costs next to nothing;
where that is too much for a budget, the same text is counted. Files that stand where vendors read
them are taken out of it and count by what is charged for their kind (`providers.file_bound`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from providers import file_bound, token_counts
from providers.file_bound import File, Kind
from providers.naming import invalid
from providers.types import ChatRequest, Target
from rini.translation import gettext as _

_MARKED = 64
"""A file with more characters than this is not counted as text too."""
PLACES_OF_FILES = frozenset(
    ("url", "image_url", "video_url", "file_url", "file_data", "file_id", "file_uri", "data")
)


def in_bytes(request: ChatRequest, target: Target) -> int:
    """A bound by the size alone. Raises `InvalidInput` for what nests too deep to be sent."""
    text, of_files = len(_json([list(request.messages), dict(request.params)])), 0
    for file in _files_of(request):
        text -= len(file.value) if _is_taken_out(file.value) else 0
        of_files += file_bound.most(file, target)
    return text + min(of_files, file_bound.window(target))


def counted(request: ChatRequest, target: Target) -> int:
    """A bound by counting the text as the model's vocabulary does."""
    text = sum(token_counts.count(said, target.model) for said in _texts(request))
    of_files = sum(file_bound.most(file, target) for file in _files_of(request))
    return text + min(of_files, file_bound.window(target))


def of_files(request: ChatRequest, target: Target) -> int:
    """About the tokens of the files that are no pictures, as far as their sizes tell."""
    others = (file for file in _files_of(request) if file.kinds != {Kind.PICTURE})
    usual = sum(file_bound.usual(file, target) for file in others)
    return min(usual, file_bound.window(target))


def prediction(params: Mapping[str, Any]) -> int:
    """What may come out beside the answer: of a predicted one, all that does not come true."""
    predicted = params.get("prediction")
    return len(orjson.dumps(predicted)) if predicted else 0


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise invalid("messages", "invalid_input", _("The request is nested too deeply.")) from None


def _texts(request: ChatRequest) -> Iterator[str]:
    """The request as JSON, piece by piece, without its files."""
    yield _json(dict(request.params)).decode()
    for message in request.messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        yield from (_json([_rest(part)]).decode() for part in parts)
        yield _json([{**message, "content": None if parts else _rest(content)}]).decode()


def _rest(value: object) -> object:
    if isinstance(value, list):
        return [_rest(item) for item in value]
    if not isinstance(value, dict) or _is_text(value):
        return value
    return {name: _rest(inner) for name, inner in value.items() if not _is_left_out(name, inner)}


def _is_left_out(name: str, value: object) -> bool:
    return name in PLACES_OF_FILES and isinstance(value, str) and _is_taken_out(value)


def _is_taken_out(value: str) -> bool:
    return len(value) >= _MARKED


def _files_of(request: ChatRequest) -> Iterator[File]:
    return (file for message in request.messages for file in _files(message.get("content"), ""))


def _files(value: object, outer: str) -> Iterator[File]:
    """Every file in `value` once; `outer` is what the part around it says that it is."""
    if isinstance(value, list):
        for item in value:
            yield from _files(item, outer)
    elif isinstance(value, dict) and not _is_text(value):
        kind = str(value.get("type", outer))
        for name, inner in value.items():
            if name in PLACES_OF_FILES and isinstance(inner, str):
                yield file_bound.found(name, inner, value, f"{outer} {kind}")
            else:
                yield from _files(inner, f"{kind} {name}")


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "text"
