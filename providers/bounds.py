"""What a request to a model may hold at most, whatever vendor it is for.

Checked where a request is accepted: before anything counts, stores, expands or translates it. A few
hundred bytes of nested ``$ref`` can stand for gigabytes, and a million small texts for as many
objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings

from providers.extent import excess
from providers.prompt_bound import PLACES_OF_FILES
from providers.types import ChatMessage, EmbeddingInput
from rini.errors import InvalidInput
from rini.translation import gettext as _


def check_messages(messages: Sequence[ChatMessage]) -> None:
    """Raise `InvalidInput` for too many messages, or for a text in one that is too long."""
    if len(messages) > settings.MAX_MESSAGES:
        raise _invalid(
            "messages", _("Send at most %(most)s messages.") % {"most": settings.MAX_MESSAGES}
        )
    for place, message in enumerate(messages):
        _check_texts(f"messages[{place}]", _texts(message))


def check_params(params: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for parameters that are too many, too long, or too deep."""
    for name in ("tools", "functions"):
        described = params.get(name)
        if isinstance(described, list) and len(described) > settings.MAX_TOOLS:
            raise _invalid(
                name, _("Describe at most %(most)s tools.") % {"most": settings.MAX_TOOLS}
            )
    for name, value in params.items():
        if too_much := excess(
            value,
            depth=settings.MAX_SCHEMA_DEPTH,
            values=settings.MAX_SCHEMA_VALUES,
            size=settings.MAX_PARAMETERS_BYTES,
        ):
            raise _invalid(name, _("This parameter has more than %(bound)s.") % {"bound": too_much})


def check_inputs(inputs: Sequence[EmbeddingInput]) -> None:
    """Raise `InvalidInput` for too many inputs to embed, or for one that is too long."""
    if len(inputs) > settings.MAX_EMBEDDING_INPUTS:
        raise _invalid(
            "input", _("Send at most %(most)s inputs.") % {"most": settings.MAX_EMBEDDING_INPUTS}
        )
    _check_texts("input", (one for one in inputs if isinstance(one, str)))


def check_repeated(inputs: int, size: int) -> None:
    """Raise `InvalidInput` where `size` bytes that go along with every input are too many."""
    if inputs * size > settings.MAX_REQUEST_BYTES:
        message = _("Texts that go along with every input come to more than %(most)s bytes.")
        raise _invalid("input", message % {"most": settings.MAX_REQUEST_BYTES})


def check_calls(inputs: int, at_once: int) -> None:
    """Raise `InvalidInput` for more inputs than a vendor that takes `at_once` embeds in so many
    calls as one request may make."""
    most = settings.MAX_EMBEDDING_CALLS * at_once
    if inputs > most:
        raise _invalid(
            "input", _("Send at most %(most)s inputs to this provider.") % {"most": most}
        )


def _texts(message: ChatMessage) -> Iterator[str]:
    """Everything in a message that is counted as text, however deep: not its pictures and files."""
    within: list[object] = [message]
    while within:
        value = within.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            within += value
        elif isinstance(value, Mapping):
            within += (
                inner
                for name, inner in value.items()
                if name not in PLACES_OF_FILES or not isinstance(inner, str)
            )


def _check_texts(field: str, texts: Iterator[str]) -> None:
    most = settings.MAX_TEXT_CHARACTERS
    if any(len(text) > most for text in texts):
        raise _invalid(field, _("A text has at most %(most)s characters.") % {"most": most})


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})
