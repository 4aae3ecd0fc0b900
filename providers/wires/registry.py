"""The wires by their names, as providers' rows name them. One of each serves the whole process."""

from __future__ import annotations

from functools import cache

from providers.types import Wire
from providers.wires.demo import DemoWire
from providers.wires.litellm import LiteLLMWire
from providers.wires.openai import OpenAIWire

_WIRES: dict[str, type[OpenAIWire] | type[LiteLLMWire] | type[DemoWire]] = {
    "openai": OpenAIWire,
    "litellm": LiteLLMWire,
    "demo": DemoWire,
}


@cache
def wire_named(name: str) -> Wire:
    """The wire of that name. Raises ValueError for another name."""
    if name not in _WIRES:
        raise ValueError(f"No wire is named {name!r}; there are {', '.join(_WIRES)}.")
    return _WIRES[name]()


async def close_all() -> None:
    """Close the connections that the running event loop holds open to vendors."""
    for name in _WIRES:
        await wire_named(name).close()
