"""What vendors of OpenAI's format do besides chatting and embedding, and what it uses. Pure.

Few of these services are counted in tokens. What a vendor does not tell is estimated in them, so
that holds can be placed and budgets are counted against.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from billing.purposes import Purpose
from billing.usage import Usage

PICTURE_SEEN = 1000
"""Tokens that a picture in a request is taken for."""
_PICTURE, _LARGEST_PICTURE = 1056, 6240
"""What OpenAI's pictures of medium quality have, and those of high quality that lie or stand."""
_SPOKEN = 2
"""Tokens of speech for a character: of a Latin letter about 1.4, of others more."""
_A_SECOND = 10
"""Tokens of a second of sound."""
_BYTES_HEARD, _LEAST_BYTES_HEARD = 1000, 100
"""Bytes of sound for a token, as files usually are, and as small as speech can be made."""
_DATA = "data:"
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """One of them: its path below the vendor's address, and the model where none is named."""

    path: str
    purpose: Purpose
    usual_model: str = ""

    def written(self, fields: Fields, heard: int) -> int:
        """About the tokens that come out, where the vendor tells nothing; `heard` have gone in."""
        match self.purpose:
            case Purpose.IMAGE:
                return _PICTURE * (fields.get("n") or 1)
            case Purpose.SPEECH:
                return _SPOKEN * len(str(fields.get("input") or ""))
            case Purpose.TRANSCRIPTION:
                return heard
            case _:
                return 0

    def most_written(self, fields: Fields, heard: int) -> int:
        """The most tokens that can come out."""
        if self.purpose == Purpose.IMAGE:
            return _LARGEST_PICTURE * (fields.get("n") or 1)
        return 2 * self.written(fields, heard)


MODERATION = Service("moderations", Purpose.MODERATION, "openai/omni-moderation-latest")
RERANK = Service("rerank", Purpose.RERANK)
IMAGES = Service("images/generations", Purpose.IMAGE)
SPEECH = Service("audio/speech", Purpose.SPEECH)
TRANSCRIPTION = Service("audio/transcriptions", Purpose.TRANSCRIPTION)


def texts(fields: Fields) -> Iterator[str]:
    """Every text in a request, but for pictures."""
    return (text for text in _strings(fields) if not text.startswith(_DATA))


def pictures(fields: Fields) -> int:
    """How many pictures stand in a request."""
    return sum(text.startswith(_DATA) for text in _strings(fields))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def heard(size: int) -> int:
    """About the tokens of a file with sound, by its bytes."""
    return math.ceil(size / _BYTES_HEARD)


def most_heard(size: int) -> int:
    return math.ceil(size / _LEAST_BYTES_HEARD)


def told_in(body: bytes) -> Mapping[str, Any]:
    """What an answer, or one event of a stream, says of its call; empty for what is no object."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def usage_in(answer: Mapping[str, Any]) -> Usage:
    """What a vendor has counted: tokens, of rerankers often their sum alone, or seconds."""
    told = answer.get("usage")
    if not isinstance(told, Mapping):
        return Usage()
    if isinstance(seconds := told.get("seconds"), int | float):
        return Usage(input_tokens=math.ceil(max(seconds, 0) * _A_SECOND))
    usage = Usage.from_responses(told) if "input_tokens" in told else Usage.from_openai(told)
    total = told.get("total_tokens")
    if usage.input_tokens is None and type(total) is int and total >= 0:
        return Usage(input_tokens=total, output_tokens=0)
    return usage
