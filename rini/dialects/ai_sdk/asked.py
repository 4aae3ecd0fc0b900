"""What a request of the AI SDK asks for: the chat as its page shows it. Pure.

Format: https://ai-sdk.dev/docs/reference/ai-sdk-core/ui-message.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rini.errors import InvalidInput
from rini.text import storable
from rini.translation import gettext as _

REGENERATES = "regenerate-message"
TRIGGERS = ("submit-message", REGENERATES)
_ROLES = ("system", "user", "assistant")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the page shows it. `files` are its parts with a file, `place` says where it
    stands in the request."""

    id: str
    role: str
    text: str
    files: Sequence[Json]
    place: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A ``POST /api/ai-sdk/chat``."""

    chat_id: str
    question: Shown | None
    """None only where another answer is wanted and the page does not say to what."""
    above: Sequence[Shown] | None
    """What the page shows above the question; None: it did not say."""
    message_id: str | None
    """The message to answer anew, or to ask in another version."""
    regenerates: bool


def asked(fields: Json, most_characters: int) -> Asked:
    """Raises `InvalidInput` with a message on the field that is wrong; `fields` have their types.

    A question has at most `most_characters`.
    """
    regenerates = fields.get("trigger") == REGENERATES
    chat_id, message_id = fields["id"], fields.get("messageId")
    if shown := fields.get("messages"):
        *above, question = [_shown(one, f"messages[{i}]") for i, one in enumerate(shown)]
        _check(question, most_characters)
        return Asked(chat_id, question, above, message_id, regenerates)
    if one := fields.get("message"):
        question = _shown(one, "message")
        _check(question, most_characters)
        return Asked(chat_id, question, None, message_id, regenerates)
    if regenerates:
        return Asked(chat_id, None, None, message_id, regenerates)
    raise wrong("messages", _("Give a list of at least one message."))


def picture_of(question: Shown) -> tuple[bytes, str] | None:
    """The bytes and the name of the picture that comes with a question.

    Raises `InvalidInput` for several, and for a file that is not sent along.
    """
    if not question.files:
        return None
    if len(question.files) > 1:
        raise wrong(f"{question.place}.parts", _("Send one picture with a message, not several."))
    [file] = question.files
    url, name = file.get("url"), file.get("filename")
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        told = _("Send the file itself, as a data: URL in base64.")
        raise wrong(f"{question.place}.parts", told)
    try:
        return base64.b64decode(data, validate=True), name if isinstance(name, str) else ""
    except (binascii.Error, ValueError):
        raise wrong(f"{question.place}.parts", _("This is not base64.")) from None


def wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, errors={field: [message]})


def _shown(message: Json, place: str) -> Shown:
    """What a page keeps in a message for itself (data, sources, steps) is read past."""
    role, parts = message.get("role"), message.get("parts")
    if role not in _ROLES:
        raise wrong(f"{place}.role", _("Give system, user or assistant."))
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise wrong(f"{place}.parts", _("Give a list of parts, each of them an object."))
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise wrong(f"{place}.parts", _("A part of the type “text” has a text."))
    files = [part for part in parts if part.get("type") == "file"]
    return Shown(str(message.get("id")), role, storable("\n\n".join(texts)), files, place)


def _check(question: Shown, most_characters: int) -> None:
    if question.role != "user":
        told = _("The last message must be the user's: it is what the model is to answer.")
        raise wrong(f"{question.place}.role", told)
    if not question.text.strip() and not question.files:
        raise wrong(f"{question.place}.parts", _("This text is empty."))
    if len(question.text) > most_characters:
        told = _("Give at most %(most)s characters.") % {"most": most_characters}
        raise wrong(f"{question.place}.parts", told)
