"""How the tests of dialects listen to a stream, and go away from one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


def until(client: httpx.Client, path: str, body: dict[str, Any], *, seen: str) -> str:
    """What a stream says until `seen` has come; then the connection is closed."""
    got = ""
    with client.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200, answer.read()
        for piece in answer.iter_text():
            got += piece
            if seen in got:
                break
    return got


def give_up(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Ask, and go away before the answer comes."""
    with pytest.raises(httpx.ReadTimeout):
        client.post(path, json=body, timeout=1)
