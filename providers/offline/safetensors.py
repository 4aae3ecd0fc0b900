"""A BERT in a file of the format safetensors, by the names that transformers gives its tensors.

The format (https://github.com/huggingface/safetensors): uint64 n, n bytes of JSON that tell of each
tensor its ``dtype``, ``shape`` and ``data_offsets`` after them, and the tensors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson

from providers.offline.bert import Bert, Floats

_PARTS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "narrow.norm": "output.LayerNorm",
}
EPSILON = 1e-12
"""BERT's own; the file does not contain it."""


def read(path: Path, heads: int) -> Bert:
    """The model in the file, mapped into memory. It must be known to be whole."""
    raw = np.memmap(path, np.uint8, mode="r")
    start = 8 + int(raw[:8].view("<u8")[0])
    tensors = orjson.loads(raw[8:start].tobytes())

    def tensor(name: str) -> Floats:
        first, end = tensors[name]["data_offsets"]
        found: Floats = raw[start + first : start + end].view("<f4").reshape(tensors[name]["shape"])
        return found

    def matrix(name: str) -> Floats:
        return tensor("embeddings.word_embeddings.weight" if name == "word" else _inner(name))

    positions = tensor("embeddings.position_embeddings.weight")
    return Bert(
        layers=sum(name.endswith(f"{_PARTS['query']}.weight") for name in tensors),
        heads=heads,
        epsilon=EPSILON,
        positions=positions + tensor("embeddings.token_type_embeddings.weight")[0],
        matrix=matrix,
        vector=lambda name: tensor(_inner(name)),
    )


def _inner(name: str) -> str:
    """``3.query`` and ``3.query.bias`` as the file has them."""
    part, _, ending = name.rpartition(".")
    if ending not in {"weight", "bias"}:
        part, ending = name, "weight"
    if part == "norm":
        return f"embeddings.LayerNorm.{ending}"
    layer, _, part = part.partition(".")
    return f"encoder.layer.{layer}.{_PARTS[part]}.{ending}"
