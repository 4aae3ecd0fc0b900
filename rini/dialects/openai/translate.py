"""Requests and answers of OpenAI's API. Rini speaks that format inside, so there is little to do.

What a request says besides its model, its input and how to stream goes to the vendor as it is.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from providers.fallback_names import fallback_names
from providers.types import ChatMessage, Chunk, EmbeddingInput, Embeddings
from rini.errors import InvalidInput
from rini.translation import gettext as _
from rini.web import json_lines

DONE = b"data: [DONE]\n\n"
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatAsked:
    """A ``POST /v1/chat/completions``."""

    model: str
    messages: Sequence[ChatMessage]
    params: Params
    stream: bool
    include_usage: bool
    """Whether the stream's reader wants a last chunk with the usage."""
    fallbacks: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingsAsked:
    """A ``POST /v1/embeddings``."""

    model: str
    inputs: Sequence[EmbeddingInput]
    params: Params
    as_base64: bool
    """Whether the vectors are to come as the base64 of little-endian float32."""


def chat_asked(body: Any) -> ChatAsked:
    """Raises `InvalidInput` with a message on the field that is wrong."""
    params = _object(body)
    model = _model(params)
    messages = params.pop("messages", None)
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages", _("Give a list of at least one message."))
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _invalid(f"messages[{i}]", _("A message is an object with a role and a content."))
    stream = params.pop("stream", None) or False
    if not isinstance(stream, bool):
        raise _invalid("stream", _("Give true or false."))
    options = params.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _invalid("stream_options", _("Give an object."))
    fallbacks = fallback_names(params.pop("fallbacks", None))
    return ChatAsked(model, messages, params, stream, bool(options.get("include_usage")), fallbacks)


def embeddings_asked(body: Any) -> EmbeddingsAsked:
    """Raises `InvalidInput` with a message on the field that is wrong."""
    params = _object(body)
    model = _model(params)
    inputs = _inputs(params.pop("input", None))
    encoding = params.get("encoding_format") or "float"
    if encoding not in {"float", "base64"}:
        raise _invalid("encoding_format", _("Give float or base64."))
    return EmbeddingsAsked(model, inputs, params, encoding == "base64")


def embeddings_answer(
    answer: Embeddings, *, as_base64: bool, input_tokens: int | None
) -> Embeddings:
    """`answer` in base64 if that was asked for, even if its vendor knows only numbers, and with a
    usage, even if its vendor tells none."""
    usage = {"prompt_tokens": input_tokens, "total_tokens": input_tokens}
    data = answer["data"]
    if as_base64:
        data = [{**vector, "embedding": _as_base64(vector["embedding"])} for vector in data]
    return {"object": "list", "usage": usage, **answer, "data": data}


def model_object(name: str, owner: str) -> dict[str, Any]:
    """A model as OpenAI lists it. Nobody knows when it was made: `created` is 0."""
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def model_list(models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": models}


class Relay:
    """Makes a stream's frames out of a vendor's chunks: all as they are, except for the usage.

    Rini always asks for the usage, and vendors tell it in any chunk, some in several. OpenAI's
    clients get it if they asked for it, once, in a last chunk without choices.
    """

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage
        self._usage_chunk: Chunk | None = None

    def frame(self, chunk: Chunk) -> bytes:
        """The chunk as an event; empty for one that only held the usage."""
        if usage := chunk.get("usage"):
            choices = chunk.get("choices")
            self._usage_chunk = {**chunk, "choices": [], "usage": usage}
            if not choices:
                return b""
        # With usage asked for, OpenAI has `"usage": null` in every chunk but the last.
        if "usage" in chunk and (usage or not self._include_usage):
            chunk = {name: value for name, value in chunk.items() if name != "usage"}
        return event(chunk)

    def end(self) -> bytes:
        """The usage, if it was requested and received, and the stream's own end marker."""
        told = self._include_usage and self._usage_chunk is not None
        return (event(self._usage_chunk) if told else b"") + DONE


def event(value: Any) -> bytes:
    return b"data: " + json_lines.encoded(value) + b"\n\n"


def _object(body: Any) -> Params:
    if not isinstance(body, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    return dict(body)


def _model(params: Params) -> str:
    model = params.pop("model", None)
    if not isinstance(model, str) or not model:
        raise _invalid("model", _("Name a model, “provider/model” for instance."))
    return model


def _inputs(given: Any) -> Sequence[EmbeddingInput]:
    """A text, several, one as token ids, or several as token ids: always as a list of them."""
    if isinstance(given, str) or (isinstance(given, list) and given and all(map(_is_token, given))):
        given = [given]
    if isinstance(given, list) and given and all(map(_is_input, given)):
        return given
    raise _invalid("input", _("Give a text or a list of texts, or token ids, none of them empty."))


def _is_input(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_token, value))
    return isinstance(value, str) and value != ""


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_base64(vector: Any) -> Any:
    """A list of numbers as base64; what its vendor has encoded already as it is."""
    if not isinstance(vector, list):
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})
