"""The models of this process: loaded when they are first needed, run on one thread of their own.

The thread takes one batch at a time from whoever waits, so that the event loop runs on, a long
document does not hold up a query, and who is cancelled has no more computed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

from django.conf import settings

from providers.offline.batches import batches
from providers.offline.models import MODELS, ModelUnusable, OfflineModel, missing
from providers.types import InputType
from rini.translation import gettext as _

if TYPE_CHECKING:
    from providers.offline.encoder import Encoder
    from providers.offline.tokenizer import Offsets, Tokenizer

R = TypeVar("R")
ENCODED_AT_ONCE = 64
"""So many texts are made tokens before the thread turns to the next caller."""

_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-models")
_loading = threading.Lock()


class TextTooLong(Exception):
    """A text has more tokens than the model reads."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in the order of their texts, and the tokens that were read."""

    vectors: list[list[float]]
    tokens: int


@dataclass(frozen=True, slots=True)
class _Ready:
    """A loaded model."""

    model: OfflineModel
    tokenizer: Tokenizer
    encoder: Encoder

    def tokens(self, texts: Sequence[str], input_type: InputType, first: int) -> list[list[int]]:
        """Their ids with the prefix; `first` is the number of the first of them."""
        prefix = self.model.prefix(input_type)
        found = self.tokenizer.encode([prefix + text for text in texts])
        for number, ids in enumerate(found, first):
            if len(ids) > self.model.max_tokens:
                raise TextTooLong(
                    _("Input %(number)s has %(tokens)s tokens; %(model)s reads %(most)s.")
                    % {
                        "number": number,
                        "tokens": len(ids),
                        "model": self.model.name,
                        "most": self.model.max_tokens,
                    }
                )
        return found

    def vectors(self, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
        found: list[list[float]] = self.encoder.vectors(tokens).tolist()
        return found


async def embed(name: str, texts: Sequence[str], input_type: InputType) -> Embedded:
    """The vectors of `texts`. Raises `ModelUnusable` and `TextTooLong`."""
    ready = await _on_thread(partial(_ready, MODELS[name]))
    tokens: list[list[int]] = []
    for at in range(0, len(texts), ENCODED_AT_ONCE):
        some = texts[at : at + ENCODED_AT_ONCE]
        tokens += await _on_thread(partial(ready.tokens, some, input_type, at))
    vectors: list[list[float]] = [[]] * len(texts)
    for batch in batches([len(ids) for ids in tokens]):
        found = await _on_thread(partial(ready.vectors, [tokens[index] for index in batch]))
        for index, vector in zip(batch, found, strict=True):
            vectors[index] = vector
    return Embedded(vectors, sum(map(len, tokens)))


def offsets(name: str, text: str) -> Offsets:
    """The tokens of `text` for the model of that name, as spans of characters.

    The first call of a process takes seconds. Raises `ModelUnusable`.
    """
    return _ready(MODELS[name]).tokenizer.offsets(text)


def room(name: str, input_type: InputType = "passage") -> int:
    """How many tokens a text may have, as `offsets` counts them. Raises `ModelUnusable`."""
    model = MODELS[name]
    [empty] = _ready(model).tokenizer.encode([model.prefix(input_type)])
    return model.max_tokens - len(empty)


async def _on_thread(function: Callable[[], R]) -> R:
    return await asyncio.get_running_loop().run_in_executor(_thread, function)


def _ready(model: OfflineModel) -> _Ready:
    with _loading:
        return _load(model)


@cache
def _load(model: OfflineModel) -> _Ready:
    if lacking := missing(model):
        raise ModelUnusable(lacking)
    from providers.offline import tokenizer  # with what they import: not at every start
    from providers.offline.encoder import Encoder
    from providers.offline.folder import prepared

    folder = prepared(model, settings.DATA_DIR / "models")
    kind = tokenizer.SentencePieces if model.format == "packed" else tokenizer.WordPieces
    return _Ready(
        model=model,
        tokenizer=kind(folder / tokenizer.FILE),
        encoder=Encoder(folder, settings.OFFLINE_EMBEDDING_THREADS),
    )
