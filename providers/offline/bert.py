"""What all models here are: BERT (https://arxiv.org/abs/1810.04805), read at its last layer.

Layers normalise after they add, the activation is GELU, positions are learnt and begin at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""So many weights in a row share one scale."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix of four-bit weights: each is (value - 8) × its block's scale.

    `values` holds two in a byte, the earlier in the lower half: rows × blocks × `BLOCK` / 2.
    """

    values: NDArray[np.uint8]
    scales: Floats
    """Rows × blocks."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix that it stands for."""
        rows, blocks = self.scales.shape
        return rows, blocks * BLOCK


@dataclass(frozen=True, slots=True)
class Bert:
    """A model's weights.

    `matrix(name)` gives ``word`` (vocabulary × hidden) and, of layer N, ``N.query``, ``N.key``,
    ``N.value``, ``N.attention``, ``N.widen`` and ``N.narrow`` (out × in). `vector(name)` gives
    their biases as ``N.query.bias`` …, and the norms' ``norm.weight``, ``norm.bias``,
    ``N.attention.norm.weight``, ``N.narrow.norm.weight`` …. `positions` (positions × hidden) are
    those of the first token type, whose vector is added to each.
    """

    layers: int
    heads: int
    epsilon: float
    positions: Floats
    matrix: Callable[[str], Floats | Quantised]
    vector: Callable[[str], Floats]
