"""Embeddings that mean something without a model: texts that share character pairs lie close."""

from __future__ import annotations

import base64
import math
import struct
import zlib


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector, the same for the same text on every machine."""
    values = [0.0] * dimensions
    padded = f" {text.lower()} "
    for pair in (padded[i : i + 2] for i in range(len(padded) - 1)):
        values[zlib.crc32(pair.encode()) % dimensions] += 1.0
    norm = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / norm for value in values]


def as_base64(values: list[float]) -> str:
    """OpenAI's ``encoding_format: base64``: little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
