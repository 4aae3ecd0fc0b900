"""The models that servers of one's own list: vLLM's, Ollama's, llama.cpp's.

Nobody waits for such a server: what it listed last is known, a thread of its own asks anew when
that is old, and only who asks first of all waits for a moment. One that is away lists nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from providers.errors import ProviderError
from providers.types import Target
from providers.wires import registry
from providers.wires.openai import OpenAIWire

FRESH_SECONDS = 60.0
FIRST_PATIENCE_SECONDS = 1.0
ASKING_SECONDS = 5.0
MOST = 1000
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Server:
    names: tuple[str, ...] = ()
    asked_at: float | None = None
    is_being_asked: bool = False
    first_answer: threading.Event = field(default_factory=threading.Event)


_servers: dict[tuple[str, str], _Server] = {}
_changing = threading.Lock()


def names(target: Target) -> Sequence[str]:
    """The names of the models that the server at `target` lists, in its order."""
    if target.wire != "openai":
        return ()
    with _changing:
        server = _servers.setdefault((target.provider, target.base_url), _Server())
        asked_at = server.asked_at
        is_old = asked_at is None or time.monotonic() - asked_at >= FRESH_SECONDS
        if is_old and not server.is_being_asked:
            server.is_being_asked = True
            threading.Thread(target=_ask, args=(target, server), daemon=True).start()
    if server.asked_at is None:
        server.first_answer.wait(FIRST_PATIENCE_SECONDS)
    return server.names


def serves(target: Target, name: str) -> str:
    """The server's own name for a model that somebody calls `name`; empty if it lists none such.

    Ollama lists ``llama3.2:latest``, and people say ``llama3.2``.
    """
    listed = names(target)
    return next((one for one in (name, f"{name}:latest") if one in listed), "")


def _ask(target: Target, server: _Server) -> None:
    try:
        server.names = tuple(asyncio.run(_asked(target))[:MOST])
    except (ProviderError, TimeoutError) as error:
        log.info("a server lists no models", provider=target.provider, error=str(error))
        server.names = ()
    finally:
        server.asked_at = time.monotonic()
        server.is_being_asked = False
        server.first_answer.set()


async def _asked(target: Target) -> list[str]:
    wire = registry.wire_named(target.wire)
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            return await wire.models(target) if isinstance(wire, OpenAIWire) else []
    finally:
        await registry.close_all()
