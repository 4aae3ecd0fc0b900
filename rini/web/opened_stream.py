"""A stream that answers with its status only once it has begun, so that failures have their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from django.conf import settings
from starlette.requests import Request

from rini.errors import RiniError
from rini.web import sse
from rini.web.http import EventStream, unless_disconnected

Frames = AsyncGenerator[bytes, None]


async def opened(
    request: Request,
    frames: Frames,
    headers: Callable[[], dict[str, str]],
    *,
    farewell: Callable[[RiniError], bytes],
    keepalive: bytes = sse.comment(),
) -> EventStream:
    """The stream once its first frame has come, so that a failure before it has its own status.

    A vendor that thinks for longer than proxies keep silent connections is waited for in the open
    stream. `farewell` makes the last frame for a caller that may not read on. Raises what `frames`
    raises first, and `ClientDisconnect`.
    """
    first = asyncio.ensure_future(anext(frames))
    patience = asyncio.wait({first}, timeout=settings.STREAM_KEEPALIVE_SECONDS)
    try:
        await unless_disconnected(request, patience)
    except BaseException:  # the reader has gone, or the server stops: so does the vendor
        first.cancel()
        await asyncio.wait({first})
        raise
    if first.done():
        first.result()
    return EventStream(_resumed(first, frames), headers(), keepalive=keepalive, farewell=farewell)


async def _resumed(first: asyncio.Future[bytes], frames: Frames) -> Frames:
    async with aclosing(frames):
        yield await first
        async for frame in frames:
            yield frame
