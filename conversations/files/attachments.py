"""The files of messages, under random names, and how a model gets to see them.

A file is stored before its message and deleted after the commit that deletes its last message, so
that no message is ever without its file; what a dying process leaves between the two is swept up.
In a prompt an image is a name (`prompt.StoredImage`); its bytes are put there right before the
model is called.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from conversations.answering.prompt import StoredImage
from conversations.files.pictures import EXTENSIONS, Picture
from conversations.models import Message
from providers import tokens
from providers.types import ChatMessage, ChatRequest

FOLDER = "images"
GONE = "[an image that is kept no longer]"
TOO_MUCH = "[an earlier image]"
_MIME_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file, as its message speaks of it; `tokens` is about what it costs in a prompt."""

    file_reference: str
    original_filename: str
    mime_type: str
    tokens: int


def save(picture: Picture, name: str) -> Attachment:
    """Store an image; `name` is only remembered."""
    random = secrets.token_hex(16)
    reference = f"{FOLDER}/{random[:2]}/{random}.{EXTENSIONS[picture.mime_type]}"
    stored = default_storage.save(reference, ContentFile(picture.data))
    count = tokens.of_image(picture.width, picture.height)
    return Attachment(stored, name, picture.mime_type, count)


def of(message: Message) -> Attachment | None:
    """The file of a message, for another version of it."""
    if not message.file_reference:
        return None
    beside_text = (message.token_count or 0) - tokens.count(message.content)
    name, mime_type = message.original_filename or "", message.mime_type or ""
    return Attachment(message.file_reference, name, mime_type, max(0, beside_text))


def read(reference: str) -> bytes | None:
    """The bytes of a stored file; None if it is not there."""
    try:
        with default_storage.open(reference) as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


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
                data = read(part.reference)
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
        transaction.on_commit(lambda: _delete_unused(reference))


def discard(attachment: Attachment) -> None:
    """Delete a file whose message was not stored."""
    _delete(attachment.file_reference)


def _delete_unused(reference: str) -> None:
    if not Message.objects.filter(file_reference=reference).exists():
        _delete(reference)


def _delete(reference: str) -> None:
    try:
        default_storage.delete(reference)
    except OSError as error:
        log.warning("a file could not be deleted; it is swept up later", error=str(error))


def sweep() -> int:
    """Delete the files that no message has and that are not just being stored; how many."""
    limit = timezone.now() - timedelta(hours=1)
    old = [name for name in _stored() if default_storage.get_modified_time(name) < limit]
    used = set(
        Message.objects.filter(file_reference__in=old).values_list("file_reference", flat=True)
    )
    unused = [name for name in old if name not in used]
    for name in unused:
        default_storage.delete(name)
    return len(unused)


def _stored() -> Iterator[str]:
    if not default_storage.exists(FOLDER):
        return
    for folder in default_storage.listdir(FOLDER)[0]:
        for name in default_storage.listdir(f"{FOLDER}/{folder}")[1]:
            yield f"{FOLDER}/{folder}/{name}"
