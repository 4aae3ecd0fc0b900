"""The files of messages, kept as `rini.storage.files` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conversations.files.pictures import EXTENSIONS, Picture
from conversations.models import Message
from providers import token_counts
from rini.storage import files

FOLDER = "images"


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
    count = token_counts.of_image(picture.width, picture.height)
    return Attachment(reference, name, picture.mime_type, count)


def of(message: Message) -> Attachment | None:
    """The file of a message, for another version of it."""
    if not message.file_reference:
        return None
    beside_text = (message.token_count or 0) - token_counts.count(message.content)
    name, mime_type = message.original_filename or "", message.mime_type or ""
    return Attachment(message.file_reference, name, mime_type, max(0, beside_text))


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
