"""A wire's stream whose reader may leave in the middle of a piece, and have the rest read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from providers.errors import ProviderError
from providers.types import Chunk


class Pieces:
    """The chunks of a stream, one by one; close it.

    With `lasting` a cancelled reader does not end the stream: each chunk then costs a task, so it
    is for streams whose end is worth it.
    """

    def __init__(self, chunks: AsyncGenerator[Chunk, None], *, lasting: bool) -> None:
        self._chunks = chunks
        self._lasting = lasting
        self._coming: asyncio.Task[Chunk | None] | None = None

    async def next(self) -> Chunk | None:
        """The next chunk; None at the end. Raises `ProviderError`."""
        if not self._lasting:
            return await anext(self._chunks, None)
        if self._coming is None:
            self._coming = asyncio.create_task(self._anext())
        coming = self._coming
        try:
            return await asyncio.shield(coming)
        finally:
            if coming.done():
                self._coming = None

    async def read_on(self, seconds: float, take: Callable[[Chunk], object]) -> None:
        """Take what still comes in so long; a failure is an end too."""
        if not self._lasting:
            return
        try:
            async with asyncio.timeout(seconds):
                while (chunk := await self.next()) is not None:
                    take(chunk)
        except (TimeoutError, ProviderError):
            return

    async def close(self) -> None:
        """Close the vendor's connection."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait({self._coming})
            if not self._coming.cancelled():
                self._coming.exception()  # nobody else will look at it
        await self._chunks.aclose()

    async def _anext(self) -> Chunk | None:
        return await anext(self._chunks, None)
