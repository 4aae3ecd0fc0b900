"""Embeddings, as Gemini's ``batchEmbedContents`` has them (https://ai.google.dev/api/embeddings)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.types import EmbeddingInput, Embeddings
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.parameters import check_known, count, meaningful
from rini.translation import gettext as _

KNOWN = frozenset(("dimensions", "task_type", "title", "user"))


def embedding_body(
    inputs: Sequence[EmbeddingInput], params: Mapping[str, Any], model: GeminiModel
) -> dict[str, Any]:
    """The body for texts. Raises ProviderRefused for token ids and unknown parameters.

    Always the batch, for one text too: both answer the same.
    """
    told = meaningful(params)
    check_known(told, KNOWN, model.provider)
    if not all(isinstance(text, str) for text in inputs):
        raise model.refused(_("embeds texts only, not arrays of tokens."), "input")
    common: dict[str, Any] = {"model": model.path}
    if (dimensions := count(told, "dimensions", model.provider)) is not None:
        common["outputDimensionality"] = dimensions
    if "task_type" in told:
        common["taskType"] = told["task_type"]
    if "title" in told:
        common["title"] = told["title"]
    return {"requests": [{**common, "content": {"parts": [{"text": text}]}} for text in inputs]}


def embeddings(answer: object, model: GeminiModel) -> Embeddings | None:
    """The vectors as OpenAI lists them; None for an answer that has none.

    Gemini counts the tokens of embeddings for some models only.
    """
    given = answer.get("embeddings") if isinstance(answer, Mapping) else None
    if not isinstance(answer, Mapping) or not isinstance(given, list):
        return None
    told: Embeddings = {
        "object": "list",
        "data": [_vector(i, embedding) for i, embedding in enumerate(given)],
        "model": model.name,
    }
    usage = answer.get("usageMetadata")
    tokens = usage.get("promptTokenCount") if isinstance(usage, Mapping) else None
    if isinstance(tokens, int):
        told["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return told


def _vector(index: int, embedding: object) -> dict[str, Any]:
    values = embedding.get("values") if isinstance(embedding, Mapping) else None
    return {"object": "embedding", "index": index, "embedding": values}
