"""A chat completion as OpenAI streams it: ``data:`` lines of chunks, and ``[DONE]``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from providers.errors import broken_off
from providers.gateway import Call
from providers.types import Chunk
from rini.dialects.openai.failures import body_of
from rini.dialects.openai.translate import Relay, event
from rini.errors import RiniError
from rini.web.api import known_error

Frames = AsyncGenerator[bytes, None]


def _as_it_is(chunk: Chunk) -> Chunk | None:
    return chunk


async def frames(
    call: Call,
    *,
    include_usage: bool,
    shaped: Callable[[Chunk], Chunk | None] = _as_it_is,
) -> Frames:
    """The call's answer, each chunk as it is `shaped`; None is left out.

    What fails before its first frame raises; what fails later is a frame ``data: {"error": …}`` in
    the place of ``[DONE]``, and so is a vendor's stream that was cut.
    """
    relay = Relay(include_usage=include_usage)
    began = False
    try:
        async with aclosing(call.chunks()) as chunks:
            async for chunk in chunks:
                shape = shaped(chunk)
                if shape is not None and (frame := relay.frame(shape)):
                    began = True
                    yield frame
        if call.is_cut_off:
            raise broken_off(call.target.provider)
    except Exception as error:
        # The answer has begun: its end has to say what happened, whatever it was.
        if not began:
            raise
        yield event(body_of(known_error(error)))
    else:
        yield relay.end()


def farewell(error: RiniError) -> bytes:
    """The last frame for a caller that may not read on."""
    return event(body_of(error))
