"""What `/v1/chat/completions` costs the web process at 64 requests at a time, and metering of it.

    python -m benchmarks.completions [requests] [rounds]

The vendor is played on loopback and answers at once; every request is streamed, and three budgets
apply (of the user, its token, the installation). Two servers are asked in turn: Rini as it is, and
Rini without hold and settlement (`benchmarks.unmetered`). The CPU is that of the web process, user
and system; PostgreSQL's runs beside it. It needs Linux.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import UUID

import aiohttp
import httpx

from benchmarks.installation import installation
from tests.rini_server import RiniServer
from tests.vendors.script import Script, Tokens
from tests.vendors.stage import Stage

PARALLEL = 64
WARM_UP = 500
CHAT = {
    "model": "local/played",
    "stream": True,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "안녕, tell me about Seoul."}],
}


def main(requests: int = 3000, rounds: int = 5) -> None:
    with installation(), Stage() as stage:
        stage.always(
            Script(pieces=["a", "b", "c"], usage=Tokens(input=12, output=3)), model="played"
        )
        environment = {**os.environ, "LLM_SERVER_URL": stage.openai_url}
        metered = RiniServer(environment)
        unmetered = RiniServer(environment, module="benchmarks.unmetered")
        try:
            token = _token(metered)

            def ask(server: RiniServer, count: int) -> None:
                asyncio.run(_ask(server, token, count))
                stage.calls.clear()

            ask(metered, WARM_UP)
            ask(unmetered, WARM_UP)
            _report(metered, unmetered, partial(ask, count=requests), requests, rounds)
        finally:
            metered.terminate()
            unmetered.terminate()


def _report(
    metered: RiniServer,
    unmetered: RiniServer,
    ask: Callable[[RiniServer], None],
    requests: int,
    rounds: int,
) -> None:
    costs: dict[RiniServer, list[float]] = {metered: [], unmetered: []}
    rates = []
    for _ in range(rounds):
        for server, cpu in costs.items():
            before, began = _cpu(server), time.perf_counter()
            ask(server)
            cpu.append((_cpu(server) - before) / requests * 1000)
            if server is metered:
                rates.append(requests / (time.perf_counter() - began))
    differences = [a - b for a, b in zip(costs[metered], costs[unmetered], strict=True)]
    sys.stdout.write(
        f"{rounds} × {requests} requests, {PARALLEL} at a time: "
        f"{statistics.median(rates):.0f} requests/s, "
        f"{statistics.median(costs[metered]):.2f} ms CPU a request; hold and settlement "
        f"{statistics.median(differences):.2f} ms of it "
        f"(rounds: {', '.join(f'{difference:.2f}' for difference in differences)})\n"
    )


async def _ask(server: RiniServer, token: str, requests: int) -> None:
    left = iter(range(requests))
    connector = aiohttp.TCPConnector(limit=PARALLEL)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(server.url, connector=connector, headers=headers) as client:

        async def caller() -> None:
            for _ in left:
                async with client.post("/v1/chat/completions", json=CHAT) as answer:
                    if not (await answer.read()).endswith(b"[DONE]\n\n"):
                        raise AssertionError(f"an answer is not whole ({answer.status})")

        await asyncio.gather(*(caller() for _ in range(PARALLEL)))


def _token(server: RiniServer) -> str:
    """An API token of a new user, with all budgets that a call can have outside of sessions."""
    from billing import budgets
    from billing.models import Budget

    with httpx.Client(base_url=server.url) as client:
        user = client.post("/users/", json={}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {user['access_token']}"
        token = client.post("/tokens/", json={"name": "load"}).raise_for_status().json()
    subjects = {"user": UUID(user["id"]), "token": UUID(token["id"]), "installation": None}
    for scope, subject in subjects.items():
        budgets.put(Budget(scope=scope, subject_id=subject, limit_nano=10**15, period="day"))
    secret: str = token["token"]
    return secret


def _cpu(server: RiniServer) -> float:
    """The seconds that the web process has computed so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
