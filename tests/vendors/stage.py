"""The stage on which the played vendors stand: one HTTP server in a thread of its own.

    stage = Stage()
    stage.next(Script(pieces=["안녕", "하세요"], delay=0.05))     # the next call, whichever it is
    stage.always(Script(failure=Failure(429)), key="sk-slow")   # every call with this key
    … point the code at stage.openai_url, stage.anthropic_url, stage.google_url …
    call = stage.wait_for_call()
    call.body, call.pieces_sent, call.wait_closed(1)
    stage.close()

Tests of any kind and other processes can use it. Without a script a vendor repeats what it is
told. Tests that run side by side choose by model or by key, which no other test uses.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.vendors.performance import perform
from tests.vendors.script import Json, Script

Result = TypeVar("Result")


@dataclass
class Call:
    """One request that a played vendor got."""

    vendor: str
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Json
    model: str | None
    key: str
    client_port: int
    """The port that the connection came from: the same for calls on one connection."""
    script: Script
    began: float = field(default_factory=time.monotonic)
    pieces_sent: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the client's connection went away before the vendor was done."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the vendor is done with the call, however it ended."""

    def wait_closed(self, timeout: float) -> bool:
        """Whether the client gave the call up within `timeout` seconds from now."""
        return self.closed.wait(timeout)


class Stage:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._queues: defaultdict[str | None, deque[Script]] = defaultdict(deque)
        self._lasting: dict[str, Script] = {}
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._thread.start()
        self._runner, port = self._run(self._serve())
        self.url = f"http://127.0.0.1:{port}"
        self.openai_url = f"{self.url}/openai/v1"
        self.anthropic_url = f"{self.url}/anthropic"
        self.google_url = f"{self.url}/google/v1beta"

    def next(self, *scripts: Script, model: str | None = None) -> None:
        """What the next calls (of `model`) do, one script each."""
        self._queues[model].extend(scripts)

    def always(self, script: Script, *, model: str | None = None, key: str | None = None) -> None:
        """What every call of this model or with this key does, until `clear`."""
        self._lasting |= {name: script for name in (model, key) if name}

    def clear(self) -> None:
        """Forget scripts and calls."""
        self.calls.clear()
        self._queues.clear()
        self._lasting.clear()

    def calls_of(self, *, model: str | None = None, key: str | None = None) -> list[Call]:
        return [c for c in self.calls if model in (None, c.model) and key in (None, c.key)]

    def wait_for_call(
        self,
        number: int = 1,
        *,
        model: str | None = None,
        key: str | None = None,
        timeout: float = 30,
    ) -> Call:
        """The call of that number (from 1) among those of `model` and `key`, once it has come."""
        with self._changed:
            if self._changed.wait_for(
                lambda: len(self.calls_of(model=model, key=key)) >= number, timeout
            ):
                return self.calls_of(model=model, key=key)[number - 1]
        raise TimeoutError(f"No call {number} came within {timeout} s; came: {self.calls}")

    def close(self) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    async def _serve(self) -> tuple[web.AppRunner, int]:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{vendor}/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = await self._record(request)
        try:
            return await perform(call, request)
        except (asyncio.CancelledError, ConnectionResetError) as gone:
            call.closed.set()
            raise asyncio.CancelledError from gone
        finally:
            call.ended.set()

    async def _record(self, request: web.Request) -> Call:
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.match_info["path"]
        model = body.get("model")
        if model is None and "models/" in path:
            model = path.split("models/")[1].split(":")[0]
            body["model"] = model
        key = (
            headers.get("x-api-key")
            or headers.get("x-goog-api-key")
            or headers.get("authorization", "").removeprefix("Bearer ")
            or request.query.get("key", "")
        )
        script = self._script(request.method, model, key)
        vendor = request.match_info["vendor"]
        port = request.transport.get_extra_info("peername")[1] if request.transport else 0
        call = Call(vendor, request.method, f"/{path}", headers, body, model, key, port, script)
        # Rini asks its own server for its models whenever it does not know them: no test's doing.
        if request.method != "GET" or key:
            with self._changed:
                self.calls.append(call)
                self._changed.notify_all()
        return call

    def _script(self, method: str, model: str | None, key: str) -> Script:
        if method == "POST":
            for queue in (self._queues.get(model), self._queues.get(None)):
                if queue:
                    return queue.popleft()
        return self._lasting.get(model or "") or self._lasting.get(key) or Script()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


async def _body(request: web.Request) -> Json:
    """What was sent: a form's fields by their names, lists of those that came several times."""
    if request.content_type != "multipart/form-data":
        return await request.json() if request.can_read_body else {}
    form = await request.post()
    values = {name: [_value(value) for value in form.getall(name)] for name in form}
    return {name: several if several[1:] else several[0] for name, several in values.items()}


def _value(value: str | bytes | bytearray | web.FileField) -> Any:
    return (value.filename, value.file.read()) if isinstance(value, web.FileField) else value
