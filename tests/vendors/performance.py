"""How a script is played over HTTP: which answer a path gets, its pace, and where it breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from tests.vendors import anthropic, gemini, openai
from tests.vendors.script import Cut, Json, Part, Script

if TYPE_CHECKING:
    from tests.vendors.stage import Call


class Vendor(Protocol):
    """What a vendor's module has."""

    def stream(self, script: Script, body: Json) -> Iterator[Part]: ...
    def answer(self, script: Script, body: Json) -> Json: ...
    def error(self, status: int, body: Json, key: str) -> Json: ...
    def models(self) -> Json: ...


VENDORS: dict[str, Vendor] = {"openai": openai, "anthropic": anthropic, "google": gemini}
EMBEDDINGS = {"openai": openai.embeddings, "google": gemini.embeddings}


async def perform(call: Call, request: web.Request) -> web.StreamResponse:
    script, vendor = call.script, VENDORS[call.vendor]
    if script.hangs:
        await asyncio.Event().wait()
    if script.failure:
        return _failure(call, vendor)
    if call.method == "GET" and script.raw is None:
        return web.json_response(vendor.models())
    if call.body.get("stream") or ":streamGenerateContent" in call.path:
        return await _stream(call, request, vendor)
    await asyncio.sleep(script.delay)
    if script.raw is not None:
        kind = script.content_type or "application/json"
        return web.Response(body=script.raw, content_type=kind, headers=script.headers)
    if service := openai.SERVICES.get(call.path.removeprefix("/v1")):
        call.pieces_sent = 1
        try:
            return service(script, call.body)
        except (KeyError, TypeError):  # a field is missing, or of another kind
            return web.json_response(vendor.error(400, call.body, call.key), status=400)
    if call.path.lower().endswith(("/embeddings", "embedcontent", "embedcontents")):
        return web.json_response(EMBEDDINGS[call.vendor](script, call.body))
    call.pieces_sent = 1
    return web.json_response(vendor.answer(script, call.body), headers=script.headers)


def _failure(call: Call, vendor: Vendor) -> web.Response:
    failure = call.script.failure
    assert failure is not None
    status = failure.status
    body = failure.body
    if body is None:
        body = vendor.error(status, call.body, call.key)
        if call.vendor == "google":
            status = body["error"]["code"]
    if isinstance(body, bytes | str):
        return web.Response(body=body, status=status, headers=failure.headers)
    return web.json_response(body, status=status, headers=failure.headers)


async def _stream(call: Call, request: web.Request, vendor: Vendor) -> web.StreamResponse:
    script = call.script
    response = web.StreamResponse(
        headers={"Content-Type": script.content_type or "text/event-stream", **script.headers}
    )
    response.enable_chunked_encoding()
    await response.prepare(request)
    parts = iter([Part(script.raw)]) if script.raw is not None else vendor.stream(script, call.body)
    was_cut = await _send(call, response, parts)
    if was_cut and script.cut and script.cut.how != "eof":
        _break_off(request, script.cut)
    await asyncio.sleep(script.lingers)
    return response


async def _send(call: Call, response: web.StreamResponse, parts: Iterator[Part]) -> bool:
    """Send the parts at the script's pace; whether its cut came before their end."""
    cut = call.script.cut or Cut()
    bytes_left = cut.after_bytes
    for part in parts:
        if cut.after_pieces == call.pieces_sent and (call.pieces_sent or part.is_piece):
            return True
        if part.is_piece:
            await asyncio.sleep(call.script.delay)
        data = part.data if bytes_left is None else part.data[:bytes_left]
        if data:
            await response.write(data)
        call.pieces_sent += part.is_piece
        if bytes_left is not None:
            bytes_left -= len(data)
            if bytes_left <= 0:
                return True
    return False


def _break_off(request: web.Request, cut: Cut) -> None:
    """Close the connection in the middle of the body, and stay away from it."""
    transport = request.transport
    assert transport is not None
    if cut.how == "reset":
        transport.abort()
    else:
        transport.close()
