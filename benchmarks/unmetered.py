"""Rini without hold and settlement: what is left of a call is what metering does not cost."""

from __future__ import annotations

from rini import server
from rini.asgi import application

# isort: split
from billing import holds  # after Django has been set up there

__all__ = ["application"]


async def _nothing(*_: object, **__: object) -> None:
    return None


holds.place = holds.settle = _nothing

if __name__ == "__main__":
    server.main("benchmarks.unmetered:application")
