"""The load of `benchmarks.kills`: clients who ask all the time, and vendors who answer at any pace.

Every request has an id of its own, in its X-Request-ID and in its prompt: so it can be found again
among what the vendors saw, and in the ledger.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp

from tests.vendors.openai import question
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Call, Stage

CLIENTS = 40
REQUESTS_OF_AN_ACCOUNT = 15  # an access token holds for an hour, a session should not get long
QUEUED_SCRIPTS = 2000
LEAVES_EARLY = 0.2
# One that is free, two with prices and one whose price nobody knows.
MODELS = ("local/played", "openai/gpt-4o", "openai/gpt-4o-mini", "openrouter/nobody/knows")
EMBEDDING = "openai/text-embedding-3-small"
_ID = re.compile(r"kills\.[0-9a-f]{32}")
_chance = random.SystemRandom()


class Vendors:
    """The played vendors: a random script for every call, and how often each id was seen."""

    def __init__(self, stage: Stage) -> None:
        self.seen: Counter[str] = Counter()
        self._stage = stage
        stage.next(*(_script() for _ in range(QUEUED_SCRIPTS)))

    def take(self) -> None:
        """Note the calls that came since the last time, and let the stage forget them."""
        calls = list(self._stage.calls)
        del self._stage.calls[: len(calls)]
        asked = [call for call in calls if call.method == "POST"]
        self.seen.update(map(_id_in, asked))
        self._stage.next(*(_script() for _ in asked))


def _id_in(call: Call) -> str:
    found = _ID.search(question(call.body) or str(call.body.get("input")))
    return found[0] if found else f"without an id: {call.path}"


def _script() -> Script:
    """At most 8 seconds long: what is under way at the end has to end too."""
    if _chance.random() < 0.05:
        return Script(failure=Failure(_chance.choice((429, 500, 503))))
    cut = Cut(_chance.randrange(8), how=_chance.choice(("eof", "broken", "reset")))
    used = Tokens(_chance.randrange(1, 2000), _chance.randrange(1, 500))
    return Script(
        pieces=["조각 "] * _chance.randrange(1, 30),
        delay=_chance.uniform(0.02, 0.25),
        usage=used if _chance.random() < 0.7 else None,
        cut=cut if _chance.random() < 0.1 else None,
        lingers=_chance.choice((0, 0, 0, 0.5)),
    )


class Clients:
    """Some tens of callers. Dead connections are part of their life: they go on asking."""

    def __init__(self, url: str) -> None:
        self.asked: dict[str, str] = {}
        """What each request was, and when."""
        self.answers: Counter[str] = Counter()
        """How often each status came; “left” without waiting, “lost” with the connection."""
        self._url = url

    async def ask(self) -> None:
        """Ask until this is cancelled."""
        timeout = aiohttp.ClientTimeout(total=90)
        async with (
            aiohttp.ClientSession(
                self._url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout
            ) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CLIENTS):
                group.create_task(self._one(http))

    async def _one(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                account = await _made(http, "/users/", {})
                headers = {"Authorization": f"Bearer {account['access_token']}"}
                session = await _made(http, "/sessions/", headers)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_chance.uniform(0.1, 1))
                continue
            for _ in range(REQUESTS_OF_AN_ACCOUNT):
                await self._request(http, headers, str(session["id"]))
                await asyncio.sleep(_chance.uniform(0, 0.5))

    async def _request(
        self, http: aiohttp.ClientSession, headers: dict[str, str], session_id: str
    ) -> None:
        identity = f"kills.{uuid4().hex}"
        address, body = _question(identity, session_id)
        leaves = _chance.random() < LEAVES_EARLY
        self.asked[identity] = f"{datetime.now(UTC):%H:%M:%S.%f} {address} {body['model']}"
        try:
            async with (
                asyncio.timeout(_chance.uniform(0, 2) if leaves else None),
                http.post(
                    address, json=body, headers={**headers, "X-Request-ID": identity}
                ) as answer,
            ):
                async for _ in answer.content.iter_any():
                    pass
                self.answers[str(answer.status)] += 1
        except TimeoutError:
            self.answers["left" if leaves else "timeout"] += 1
        except aiohttp.ClientError:
            self.answers["lost"] += 1
            await asyncio.sleep(_chance.uniform(0.1, 1))


async def _made(
    http: aiohttp.ClientSession, address: str, headers: dict[str, str]
) -> dict[str, Any]:
    async with http.post(address, json={}, headers=headers, raise_for_status=True) as answer:
        made: dict[str, Any] = await answer.json()
    return made


def _question(identity: str, session_id: str) -> tuple[str, dict[str, Any]]:
    """The address and the body of a request of any kind."""
    text = f"{identity} " + "길게 말해 줘. " * _chance.randrange(1, 100)
    alone = {"model": _chance.choice(MODELS), "messages": [{"role": "user", "content": text}]}
    turn = {"model": _chance.choice(MODELS), "text": text}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {**alone, "stream": True}),
        ("/v1/chat/completions", alone),
        ("/llm/text-completion/", {**turn, "stream": True, "session_id": session_id}),
        ("/llm/text-completion/", {**turn, "stream": True}),
        (f"/sessions/{session_id}/generations/", turn),  # it has no reader
        ("/v1/embeddings", {"model": EMBEDDING, "input": [text]}),
    ]
    weights = (3, 2, 3, 1, 2, 1)
    [kind] = _chance.choices(kinds, weights)
    return kind
