"""How much later than the vendor's the first token comes through Rini, one request at a time.

    python -m benchmarks.first_token [requests]

The vendor is played on loopback and answers at once, so that what is measured is Rini and two more
passages of HTTP. Each figure is the median of the time to the first piece of text, less the median
of asking the vendor directly.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Any

import httpx

from benchmarks.installation import installation
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage

WARM_UP = 20
HI = [{"role": "user", "content": "hi"}]


def main(requests: int = 200) -> None:
    with installation(), Stage() as stage:
        stage.always(Script(pieces=["a", "b", "c"]), model="played")
        server = RiniServer({**os.environ, "LLM_SERVER_URL": stage.openai_url})
        try:
            _measure(stage, server, requests)
        finally:
            server.terminate()


def _measure(stage: Stage, server: RiniServer, requests: int) -> None:
    rini = httpx.Client(base_url=server.url, timeout=30)
    rini.headers["Authorization"] = f"Bearer {rini.post('/users/', json={}).json()['access_token']}"
    vendor = httpx.Client(base_url=stage.openai_url)
    chat = {"model": "local/played", "stream": True, "messages": HI}
    times: dict[str, list[float]] = {}
    for _ in range(requests + WARM_UP):
        session = rini.post("/sessions/", json={}).json()["id"]
        text = {"model": "local/played", "stream": True, "text": "hi", "session_id": session}
        for name, client, address, body in (
            ("vendor", vendor, "/chat/completions", {**chat, "model": "played"}),
            ("/v1/chat/completions", rini, "/v1/chat/completions", chat),
            ("/llm/chat-completions/", rini, "/llm/chat-completions/", chat),
            ("/llm/text-completion/ in a session", rini, "/llm/text-completion/", text),
        ):
            times.setdefault(name, []).append(_first_token(client, address, body))
    medians = {name: statistics.median(values[WARM_UP:]) for name, values in times.items()}
    direct = medians.pop("vendor")
    sys.stdout.write(f"vendor itself: {direct * 1000:.2f} ms\n")
    for name, median in medians.items():
        sys.stdout.write(f"{name}: {(median - direct) * 1000:.2f} ms later\n")


def _first_token(client: httpx.Client, address: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    first = None
    with client.stream("POST", address, json=body) as answer:
        for line in answer.iter_lines():
            if first is None and (
                '"content":"a"' in line.replace('": "', '":"') or '"text":"a"' in line
            ):
                first = time.perf_counter() - began
    if first is None:
        raise AssertionError(f"no text came from {address}")
    return first


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
