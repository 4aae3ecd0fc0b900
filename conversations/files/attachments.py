"""The files of messages (kept as `rini.storage.files` does), and how a model gets to see them.

In a prompt an image is a name (`prompt.StoredImage`); its bytes are put there right before the
model is called.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from conversations.answering.prompt import StoredImage
from conversations.files.pictures import EXTENSIONS, Picture
from conversations.models import Message
from providers import tokens
from providers.types import ChatMessage, ChatRequest
from rini.storage import files

FOLDER = "images"
GONE = "[an image that is kept no longer]"
TOO_MUCH = "[an earlier image]"
_MIME_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file, as its message speaks of it; `tokens` is about what it costs in a prompt."""

    file_reference: str
    original_filename: str
    mime_type: str
    tokens: int


def save(picture: Picture, name: str) -> Attachment:
    """Store an image; `name` is only remembered."""
    reference = files.save(FOLDER, picture.data, EXTENSIONS[picture.mime_type])
    count = tokens.of_image(picture.width, picture.height)
    return Attachment(reference, name, picture.mime_type, count)


def of(message: Message) -> Attachment | None:
    """The file of a message, for another version of it."""
    if not message.file_reference:
        return None
    beside_text = (message.token_count or 0) - tokens.count(message.content)
    name, mime_type = message.original_filename or "", message.mime_type or ""
    return Attachment(message.file_reference, name, mime_type, max(0, beside_text))


def data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


async def with_images(request: ChatRequest) -> ChatRequest:
    """`request` with the bytes of the images that its messages name."""
    parts = [part for message in request.messages for part in _parts(message)]
    if not any(isinstance(part, StoredImage) for part in parts):
        return request
    messages = await asyncio.to_thread(_filled, request.messages)
    return replace(request, messages=messages)


def _filled(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """The newest images come first to the bytes that a request may have; older ones are named."""
    room = settings.MAX_REQUEST_BYTES
    filled: list[ChatMessage] = []
    for message in reversed(list(messages)):
        parts = []
        for part in _parts(message):
            if isinstance(part, StoredImage):
                data = files.read(part.reference)
                parts.append(_image(part.reference, data, room))
                room -= len(data or b"")
            else:
                parts.append(part)
        filled.append({**message, "content": parts} if parts else message)
    return filled[::-1]


def _parts(message: ChatMessage) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _image(reference: str, data: bytes | None, room: int) -> dict[str, Any]:
    if data is None or len(data) > room:
        return {"type": "text", "text": GONE if data is None else TOO_MUCH}
    url = data_url(_MIME_TYPES[reference.rpartition(".")[2]], data)
    return {"type": "image_url", "image_url": {"url": url}}


def forget(message: Message) -> None:
    """After the commit delete the file of a deleted message, unless another one has it too."""
    if reference := message.file_reference:
        files.delete_after_commit(reference, _is_used)


def discard(attachment: Attachment) -> None:
    """Delete a file whose message was not stored."""
    files.delete(attachment.file_reference)


def sweep() -> int:
    """Delete the files that no message has and that are not just being stored; how many."""
    return files.sweep(FOLDER, _used)


def _is_used(reference: str) -> bool:
    return Message.objects.filter(file_reference=reference).exists()


def _used(references: Sequence[str]) -> list[str]:
    named = Message.objects.filter(file_reference__in=references)
    return [name for name in named.values_list("file_reference", flat=True) if name]
