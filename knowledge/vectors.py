"""Vectors of passages and questions, by the model of a base, paid for by the person who asks."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.authentication import Caller
from knowledge.models import KnowledgeBase
from providers import catalogue, embedding, token_counts
from providers.models import ModelKind
from providers.offline import models as offline
from providers.types import InputType
from rini.errors import InvalidInput
from rini.storage.database import in_database

OFFLINE = f"offline/{offline.DEFAULT}"


def usual_model() -> str:
    """The embedding model of a base whose owner names none; empty where this machine has none."""
    return OFFLINE if offline.available() else ""


def check(caller: Caller, name: str) -> None:
    """Raise what speaks against embedding with this model, on the field ``embedding_model``."""
    if not name:
        return
    try:
        catalogue.resolve(caller, provider=None, model=name, kind=ModelKind.EMBEDDING)
    except InvalidInput as error:
        told = [text for texts in (error.errors or {}).values() for text in texts]
        raise InvalidInput(
            code=error.code, errors={"embedding_model": told or [error.detail]}
        ) from None


def offsets(base: KnowledgeBase, text: str) -> list[tuple[int, int]]:
    """The tokens of a text for the model of a base, as spans of characters."""
    return token_counts.offsets(text, _model(base))


def fitted(base: KnowledgeBase, text: str, input_type: InputType = "passage") -> str:
    """As much of a text as the model reads, where that is known. (Titles and headings come on top
    of a passage's own size.)"""
    model = _model(base)
    if not offline.available(model):
        return text
    from providers.offline import running

    room, spans = running.room(model, input_type), token_counts.offsets(text, model)
    return text if len(spans) <= room else text[: spans[room - 1][1]]


async def vectors(
    caller: Caller, base: KnowledgeBase, texts: Sequence[str], input_type: InputType
) -> list[list[float]]:
    """The vectors of texts, in one metered call. Raises `RiniError`."""
    call = await in_database(
        embedding.prepare,
        caller,
        None,
        base.embedding_model,
        list(texts),
        {},
        input_type=input_type,
    )
    answer = await call.answer()
    return [vector["embedding"] for vector in answer["data"]]


def _model(base: KnowledgeBase) -> str:
    return base.embedding_model.partition("/")[2]
