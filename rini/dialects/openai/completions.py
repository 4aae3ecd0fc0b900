"""Requests and answers of OpenAI's old ``/v1/completions``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from providers.types import Chunk, Completion
from rini.errors import InvalidInput
from rini.translation import gettext as _

Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TextAsked:
    """A ``POST /v1/completions``."""

    model: str
    prompt: str | list[Any]
    params: Params
    stream: bool
    include_usage: bool


def text_asked(body: Any) -> TextAsked:
    """Raises `InvalidInput` with a message on the field that is wrong."""
    if not isinstance(body, dict):
        raise InvalidInput(_("The body must be a JSON object."))
    params: Params = dict(body)
    model, prompt = params.pop("model", None), params.pop("prompt", None)
    if not isinstance(model, str) or not model:
        raise _invalid("model", _("Name a model, “provider/model” for instance."))
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        [prompt] = prompt
    if not isinstance(prompt, str | list) or not prompt:
        raise _invalid("prompt", _("Give a text."))
    stream = params.pop("stream", None) or False
    if not isinstance(stream, bool):
        raise _invalid("stream", _("Give true or false."))
    options = params.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _invalid("stream_options", _("Give an object."))
    return TextAsked(model, prompt, params, stream, bool(options.get("include_usage")))


def text_answer(completion: Completion) -> Completion:
    """A chat's answer as one of texts."""
    choices = [_choice(choice, choice.get("message")) for choice in completion["choices"]]
    return {**completion, "object": "text_completion", "choices": choices}


def text_chunk(chunk: Chunk) -> Chunk | None:
    """A chunk of a chat's answer as one of texts; None for what they have no place for."""
    given = chunk.get("choices") or []
    choices = [_choice(choice, choice.get("delta")) for choice in given]
    told = [choice for choice in choices if choice["text"] or choice["finish_reason"]]
    if not told and not chunk.get("usage"):
        return None
    return {**chunk, "object": "text_completion", "choices": told}


def _choice(choice: Params, said: Any) -> Params:
    text = said.get("content") if isinstance(said, dict) else None
    return {
        "text": text if isinstance(text, str) else "",
        "index": choice.get("index") or 0,
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice.get("finish_reason"),
    }


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})
