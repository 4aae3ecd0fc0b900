"""The images of a conversation as a model gets them: which ones, and their bytes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from django.conf import settings

from conversations.answering.context import History
from conversations.answering.prompt import Turn
from conversations.files.pictures import MIME_TYPES_BY_EXTENSION
from conversations.models import Role
from providers.catalogue import Route
from rini.storage import files

Images = Mapping[str, Mapping[str, Any]]
"""By the reference of each file that goes along: the part of a message that stands for it."""
GONE = "[an image that is kept no longer]"
TOO_MUCH = "[an earlier image]"


async def of(history: History, route: Route) -> Images:
    """The images that the model is to see: none for one that sees none, and no file that its
    vendor has refused before."""
    references = [
        turn.file_reference
        for turn in reversed(history.turns)
        if turn.file_reference and route.target.provider not in (turn.refused_by or ())
    ]
    if not references or not route.vision:
        return {}
    return await asyncio.to_thread(_read, references)


def suspects(turns: Sequence[Turn], images: Images) -> list[Turn]:
    """The turns before the question whose images a vendor may have refused just now: those that
    were never answered, else all of them."""
    earlier = [(turn, after) for turn, after in pairwise(turns) if turn.file_reference in images]
    unanswered = [
        turn for turn, after in earlier if after.role != Role.ASSISTANT or not after.content
    ]
    return unanswered or [turn for turn, _ in earlier]


def without(images: Images, turns: Collection[Turn]) -> Images:
    """`images` but for those of `turns`."""
    left_out = {turn.file_reference for turn in turns}
    return {name: part for name, part in images.items() if name not in left_out}


def data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def _read(references: Sequence[str]) -> Images:
    """The first come first to the bytes that a request may have; the others are named."""
    room = settings.MAX_REQUEST_BYTES
    parts = {}
    for reference in references:
        data = files.read(reference)
        parts[reference] = _part(reference, data, room)
        room -= len(data or b"")
    return parts


def _part(reference: str, data: bytes | None, room: int) -> dict[str, Any]:
    if data is None or len(data) > room:
        return {"type": "text", "text": GONE if data is None else TOO_MUCH}
    mime_type = MIME_TYPES_BY_EXTENSION[reference.rpartition(".")[2]]
    return {"type": "image_url", "image_url": {"url": data_url(mime_type, data)}}
