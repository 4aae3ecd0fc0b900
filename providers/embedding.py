"""The one way to make embeddings: metered as `providers.gateway` is, in batches as vendors take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accounts.authentication import Caller
from billing.holds import Payer
from billing.ledger import Outcome
from billing.models import UsageSource, UsageStatus
from billing.purposes import Purpose
from billing.usage import Usage
from providers import access, bounds, catalogue, demands, token_counts
from providers.errors import ProviderError, ProviderFailed
from providers.metering import Metered
from providers.models import ModelKind
from providers.types import EmbeddingInput, Embeddings, InputType, Target
from providers.vendors import vendor
from rini.translation import gettext as _


class Embedding(Metered):
    """One metered call for embeddings, of any number of inputs: one hold and one ledger row.

    `params` goes to the vendor as it is (``dimensions``, ``encoding_format`` …).
    """

    def __init__(
        self,
        target: Target,
        inputs: Sequence[EmbeddingInput],
        params: Mapping[str, Any],
        payer: Payer,
    ) -> None:
        demands.check(params)
        super().__init__(target, payer)
        self.inputs = inputs
        self.params = params
        self._answers: list[Embeddings] = []

    async def answer(self) -> Embeddings:
        """The vectors in the order of the inputs, as one answer. Raises `ProviderError`."""
        await self._place()
        status = UsageStatus.FAILED
        try:
            for batch in self._batches():
                self._answers.append(await self._ask(batch))
            status = UsageStatus.COMPLETED
        except asyncio.CancelledError:
            status = UsageStatus.STOPPED
            raise
        except ProviderError as error:
            await self._failed(error)
            raise
        finally:
            await self._settle(status)
        return _joined(self._answers)

    def _batches(self) -> Iterator[Sequence[EmbeddingInput]]:
        size = vendor(self.target.provider).inputs_per_embedding_call
        for at in range(0, len(self.inputs), size):
            yield self.inputs[at : at + size]

    async def _ask(self, batch: Sequence[EmbeddingInput]) -> Embeddings:
        self._asked_at = time.monotonic()
        answer = await self._wire.embed(self.target, batch, self.params)
        self._answered()
        return {**answer, "data": _in_order(answer["data"], len(batch), self.target)}

    def _characters(self) -> int:
        return sum(map(len, self.inputs))

    def _estimated_input(self) -> int:
        return _count(self.inputs, self.target.model)

    def _input_in_bytes(self) -> int:
        texts = sum(
            len(text.encode(errors="replace")) if isinstance(text, str) else len(text)
            for text in self.inputs
        )
        return texts + len(self.inputs) * _told_with_each(self.params)

    def _input_counted(self) -> int:
        return self._estimated_input() + len(self.inputs) * _told_with_each(self.params)

    def _max_output(self) -> int:
        return 0

    def _outcome(self, status: UsageStatus, ended: float) -> Outcome:
        """What was answered, and, if it was stopped, what was being read: vendors charge it."""
        batches = list(self._batches())
        told = [Usage.from_openai(answer.get("usage") or {}) for answer in self._answers]
        counts = [usage.input_tokens for usage in told]
        if status == UsageStatus.STOPPED:
            counts += [None] * (len(counts) < len(batches))
        exact = bool(counts) and None not in counts
        spent = sum(
            _count(batch, self.target.model) if count is None else count
            for batch, count in zip(batches, counts, strict=False)
        )
        return Outcome(
            status=status,
            usage=Usage(input_tokens=spent, output_tokens=0),
            source=UsageSource.VENDOR if exact else UsageSource.ESTIMATED,
            model_answered=_model(self._answers),
            duration_ms=self._milliseconds(ended),
        )


def _in_order(data: Sequence[Any], inputs: int, target: Target) -> list[Any]:
    """The vectors by their index. Raises ProviderFailed unless there is one for each input."""
    if len(data) != inputs or not all(isinstance(v, dict) and v.get("embedding") for v in data):
        raise ProviderFailed(
            _("%(provider)s did not return %(inputs)s vectors for %(inputs)s inputs.")
            % {"provider": target.provider, "inputs": inputs}
        )
    return sorted(data, key=_index)


def _index(vector: Mapping[str, Any]) -> int:
    index = vector.get("index")
    return index if isinstance(index, int) else 0


def prepare(
    caller: Caller,
    provider: str | None,
    model: str | None,
    inputs: Sequence[EmbeddingInput],
    params: Mapping[str, Any],
    *,
    input_type: InputType | None = None,
) -> Embedding:
    """The call for what a caller asked. Needs the database.

    Raises as `catalogue.resolve`, and `InvalidInput` for a request that holds too much.

    `input_type` is told to a vendor whose models give queries and passages different vectors, in
    the vendor's own words; the others need not know.
    """
    bounds.check_inputs(inputs)
    bounds.check_params(params)
    bounds.check_repeated(len(inputs), _told_with_each(params))
    model = model or access.usual_embedding_model(caller, provider)
    route = catalogue.resolve(caller, provider=provider, model=model, kind=ModelKind.EMBEDDING)
    bounds.check_calls(len(inputs), vendor(route.target.provider).inputs_per_embedding_call)
    told = _in_words_of(route.target.provider, input_type)
    payer = Payer.of(caller, Purpose.EMBEDDING)
    return Embedding(route.target, inputs, {**told, **params}, payer)


def _in_words_of(provider: str, input_type: InputType | None) -> dict[str, str]:
    known = vendor(provider)
    if input_type is None:
        return {}
    return dict(known.query_params if input_type == "query" else known.passage_params)


def _told_with_each(params: Mapping[str, Any]) -> int:
    """The bytes of text that a vendor reads with every input, as Gemini does a title."""
    return sum(
        len(value.encode(errors="replace")) for value in params.values() if type(value) is str
    )


def _count(inputs: Sequence[EmbeddingInput], model: str) -> int:
    return sum(
        token_counts.count(text, model) if isinstance(text, str) else len(text) for text in inputs
    )


def _model(answers: Sequence[Embeddings]) -> str:
    models = (answer.get("model") for answer in answers)
    return next((model for model in models if isinstance(model, str)), "")


def _joined(answers: Sequence[Embeddings]) -> Embeddings:
    """The batches' answers as one: the first's fields, all vectors, and the sum of the usage."""
    if len(answers) == 1:
        return answers[0]
    data = [vector for answer in answers for vector in answer["data"]]
    whole = {**answers[0], "data": [{**vector, "index": i} for i, vector in enumerate(data)]}
    usages = [answer.get("usage") for answer in answers]
    if all(isinstance(usage, Mapping) for usage in usages):
        whole["usage"] = _sum(usages)
    else:
        whole.pop("usage", None)
    return whole


def _sum(usages: Sequence[Any]) -> dict[str, int]:
    names = [name for name, count in usages[0].items() if isinstance(count, int)]
    return {name: sum(usage.get(name) or 0 for usage in usages) for name in names}
