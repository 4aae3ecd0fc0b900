"""The wires by their names, as providers' rows name them. One of each serves the whole process."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from providers.types import Wire
from providers.wires.anthropic import AnthropicWire
from providers.wires.demo import DemoWire
from providers.wires.gemini import GeminiWire
from providers.wires.http import VendorClient
from providers.wires.offline import OfflineWire
from providers.wires.openai import OpenAIWire


def _litellm() -> Wire:
    from providers.wires.litellm import LiteLLMWire  # with httpx: not at every start

    return LiteLLMWire(timeout=settings.PROVIDER_READ_TIMEOUT, client=_client())


def _client() -> VendorClient:
    return VendorClient(
        connect_timeout=settings.PROVIDER_CONNECT_TIMEOUT,
        first_byte_timeout=settings.PROVIDER_READ_TIMEOUT,
        idle_timeout=settings.PROVIDER_READ_TIMEOUT,
    )


_WIRES: dict[str, Callable[[], Wire]] = {
    "openai": lambda: OpenAIWire(_client()),
    "anthropic": lambda: AnthropicWire(_client()),
    "gemini": lambda: GeminiWire(_client()),
    "litellm": _litellm,
    "demo": lambda: DemoWire(settings.DEMO_TOKENS_PER_SECOND),
    "offline": OfflineWire,
}
_made: dict[str, Wire] = {}


def wire_named(name: str) -> Wire:
    """The wire of that name. Raises ValueError for another name."""
    if name not in _made:
        if name not in _WIRES:
            raise ValueError(f"No wire is named {name!r}; there are {', '.join(_WIRES)}.")
        _made[name] = _WIRES[name]()
    return _made[name]


def load_litellm() -> None:
    """Import litellm, which takes ten seconds, before somebody waits for it."""
    from providers.wires.litellm import load

    load()


async def close_all() -> None:
    """Close the connections that the running event loop holds open to vendors."""
    for wire in _made.values():
        await wire.close()
