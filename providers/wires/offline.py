"""The models that run on this machine, as if a vendor served them: `providers.offline`.

Beside OpenAI's parameters of embeddings one more is known, as NVIDIA's, Cohere's and Voyage's APIs
have it: ``input_type``, which is ``query`` for a text to search with and ``passage`` (the default)
for one that will be searched. A model that was trained for it gives them different vectors.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from providers.errors import ContextTooLong, ModelNotFound, ProviderRefused, ProviderUnavailable
from providers.offline import running
from providers.offline.models import INPUT_TYPES, MODELS, ModelUnusable, missing
from providers.types import (
    ChatRequest,
    Chunk,
    Completion,
    EmbeddingInput,
    Embeddings,
    InputType,
    Target,
)
from rini.translation import gettext as _

_WITHOUT_EFFECT = ("encoding_format", "user")  # the first is Rini's own business: any is answered


class OfflineWire:
    """`providers.types.Wire` without a network."""

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        raise _no_chat(target)
        yield {}  # a generator, though one that never comes to this

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        raise _no_chat(target)

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """Takes texts, and of `params` ``input_type`` and the model's own ``dimensions``."""
        name = _known(target)
        input_type = _input_type(name, params)
        try:
            embedded = await running.embed(name, _texts(name, inputs), input_type)
        except running.TextTooLong as error:
            raise ContextTooLong(
                _("%(error)s Cut it into shorter texts.") % {"error": error}
            ) from None
        except ModelUnusable as error:
            raise ProviderUnavailable(str(error)) from error
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": vector}
                for index, vector in enumerate(embedded.vectors)
            ],
            "model": name,
            "usage": {"prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens},
        }

    async def verify(self, target: Target) -> None:
        """There is no key. Raises ModelNotFound if no model is installed."""
        if all(map(missing, MODELS.values())):
            raise ModelNotFound("; ".join(map(missing, MODELS.values())))

    async def close(self) -> None:
        """There are no connections."""


def _known(target: Target) -> str:
    if target.model not in MODELS:
        raise ModelNotFound(
            _("No offline model is named %(model)s: %(names)s.")
            % {"model": target.model, "names": ", ".join(MODELS)}
        )
    if lacking := missing(MODELS[target.model]):
        raise ModelNotFound(lacking)
    return target.model


def _input_type(name: str, params: Mapping[str, Any]) -> InputType:
    """What the texts are, from parameters of which none may ask for what is not done."""
    asked = {key: value for key, value in params.items() if value is not None}
    for key in _WITHOUT_EFFECT:
        asked.pop(key, None)
    given = asked.pop("input_type", "passage")
    dimensions = asked.pop("dimensions", MODELS[name].dimensions)
    if dimensions != MODELS[name].dimensions:
        raise ProviderRefused(
            _("dimensions: %(name)s has %(dimensions)s, no other number.")
            % {"name": name, "dimensions": MODELS[name].dimensions}
        )
    if asked:
        raise ProviderRefused(
            _("%(name)s has no parameter %(names)s.")
            % {"name": name, "names": ", ".join(sorted(asked))}
        )
    for input_type in INPUT_TYPES:
        if given == input_type:
            return input_type
    raise ProviderRefused(
        _("input_type: give %(choices)s.") % {"choices": " or ".join(INPUT_TYPES)}
    )


def _texts(name: str, inputs: Sequence[EmbeddingInput]) -> list[str]:
    if all(isinstance(given, str) for given in inputs):
        return [given for given in inputs if isinstance(given, str)]
    raise ProviderRefused(_("%(name)s takes texts, not token ids.") % {"name": name})


def _no_chat(target: Target) -> ProviderRefused:
    return ProviderRefused(
        _("%(provider)s has embedding models only, and cannot chat. Choose a chat model.")
        % {"provider": target.provider}
    )
