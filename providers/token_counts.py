"""How many tokens a text has, where the vendor has not told.

Counted with tiktoken's vocabularies, which litellm ships as files, so that no network is needed:
an OpenAI model's own, and o200k for all others, whose vendors publish none that could be shipped.
Those differ by some tenths; what is counted here is marked `estimated`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson
import tiktoken
import tiktoken.model

from providers.offline import models as offline
from providers.types import ChatRequest

USUAL = "o200k_base"
_PIECE = 8192  # tiktoken's cost grows faster than the length of a run without spaces
_SAID = frozenset(("content", "role", "tool_call_id"))
_READ = ("tools", "functions", "response_format", "system")  # parameters that the model reads
_PER_MESSAGE = 4  # what OpenAI's chat format adds to each message
_PER_IMAGE = 1000  # the order of magnitude of a vendor's charge for a picture


@lru_cache(maxsize=1000)
def vocabulary_of(model: str) -> str:
    """The name of the vocabulary that a model's tokens are counted with."""
    try:
        name = tiktoken.model.encoding_name_for_model(model)
    except KeyError:
        return USUAL
    return name if name == "cl100k_base" else USUAL


@cache
def _vocabulary(name: str) -> tiktoken.Encoding:
    spec = importlib.util.find_spec("litellm")
    if spec is not None and spec.origin:
        folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
    return tiktoken.get_encoding(name)


def count(text: str, model: str = "") -> int:
    """The tokens of `text` for a model; without one, those that are stored with messages."""
    encode = _vocabulary(vocabulary_of(model)).encode_ordinary
    return sum(len(encode(text[at : at + _PIECE])) for at in range(0, len(text), _PIECE))


def count_request(request: ChatRequest, model: str = "") -> int:
    """About the tokens of a whole request, with what its parameters tell the model."""
    told = {name: request.params[name] for name in _READ if request.params.get(name)}
    described = count(orjson.dumps(told).decode(), model) if told else 0
    return count_messages(request.messages, model) + described


def offsets(text: str, model: str = "") -> list[tuple[int, int]]:
    """The tokens of `text` for a model, as spans of characters, in their order.

    An offline model's are those that it reads, without its prefix; elsewhere `count` has as many.
    A token that holds only the rest of a character has an empty span. The first call of a process
    takes a second or so. Raises `providers.offline.models.ModelUnusable`.
    """
    if offline.available(model):
        from providers.offline import running

        return running.offsets(model, text)
    name = vocabulary_of(model)
    encode, begun = _vocabulary(name).encode_ordinary, _characters(name)
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    ends = list(accumulate(begun[token] for piece in pieces for token in encode(piece)))
    return list(zip([0, *ends], ends, strict=False))


@cache
def _characters(name: str) -> Sequence[int]:
    """How many characters begin in each token of a vocabulary, by the token's number."""
    vocabulary = _vocabulary(name)
    begun = [0] * vocabulary.n_vocab
    for token in vocabulary.token_byte_values():
        number = vocabulary.encode_single_token(token)
        begun[number] = sum(byte & 0xC0 != 0x80 for byte in token)  # no rest of one, in UTF-8
    return begun


def count_messages(messages: Iterable[Mapping[str, Any]], model: str = "") -> int:
    """The tokens of a prompt in OpenAI's chat format."""
    return sum(_PER_MESSAGE + _count_message(message, model) for message in messages)


def of_image(width: int, height: int) -> int:
    """About what vendors count for an image of that size: Anthropic's rule, and its bounds."""
    return min(max(width * height // 750, 85), 1600)


def _count_message(message: Mapping[str, Any], model: str) -> int:
    """Its content, and what else it says: calls of tools above all."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    further = {name: message[name] for name in message.keys() - _SAID if message[name]}
    described = count(orjson.dumps(further).decode(), model) if further else 0
    return described + sum(_count_part(part, model) for part in parts)


def _count_part(part: Any, model: str) -> int:
    """A part without a text is a picture, most likely."""
    text = part.get("text") if isinstance(part, Mapping) else part
    if isinstance(text, str):
        return count(text, model)
    return _PER_IMAGE if isinstance(part, Mapping) else 0
