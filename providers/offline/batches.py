"""Texts in batches that are alike in length, so that little is padding, and bounded in size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH_TOKENS = 1024
"""Tokens of a batch, padding included: enough to keep processors busy, about 60 MB while it runs,
and less than a second, so that a query does not wait long behind a document."""


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The indices of texts of these lengths, by length; each batch is within `BATCH_TOKENS`."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
