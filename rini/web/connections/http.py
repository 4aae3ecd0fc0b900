"""An HTTP connection within limits: of the request line, of headers, and of time.

A request has a head and a body. uvicorn's parser (httptools, as nodejs's) has no limit of its own:
it keeps a header for as long as it grows, and waits for the next byte for ever.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from rini.errors import RiniError
from rini.web.connections.refusal import (
    AddressTooLong,
    HeadTooLarge,
    TooManyConnections,
    TooManyRequests,
    TooSlow,
    encoded,
)
from rini.web.connections.transport import Transport
from rini.web.connections.watch import State

SOCKET_HEADERS, SOCKET_LINE_BYTES = 128, 8192
"""What `websockets` reads of a handshake."""


class HttpConnection(HttpToolsProtocol):
    server_state: State
    transport: Any

    def connection_made(self, transport: Any) -> None:
        now = self.loop.time()
        super().connection_made(Transport(transport, now))  # type: ignore[arg-type]
        self._head_began: float | None = now
        self._is_in_head = True
        self._unfinished = 0
        self._body_began = self._checked_at = now
        self._body_bytes = 0
        self._head_bytes = 0
        self._refused: RiniError | None = None
        self._answered: RequestResponseCycle | None = None
        if not self.server_state.watch.opened(self, self.client[0] if self.client else ""):
            self.transport.write(encoded(TooManyConnections(retry_after=1)))
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.watch.lost(self.transport)
        self.transport.is_half_read = False
        self._tell_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self.transport.throw_away(data)
            return
        if self._head_began is None and self._is_in_head:
            self._head_began = self.loop.time()
        self._unfinished += len(data)
        super().data_received(data)
        # The parser says nothing of a header, an address or a chunk's head before it has ended.
        most = settings.MAX_HEADER_BYTES + settings.MAX_REQUEST_LINE_BYTES
        if self._unfinished > most and not self.transport.is_closing():
            self._refuse(_head_too_large())

    def check(self, now: float) -> None:
        """Refuse a head, or a body, that comes too slowly."""
        since, self._checked_at = now - self._checked_at, now
        if self._is_in_head:
            began = now if self._head_began is None else self._head_began
            if now - began > settings.REQUEST_HEAD_SECONDS:
                if self._unfinished:
                    self._refuse(TooSlow("The request's headers did not come in time."))
                else:  # nothing was asked
                    self.transport.close()
        elif self.transport.is_half_read:
            if self.flow.read_paused:  # it is the application that takes its time
                self._body_began += since
            pace = self._body_bytes / settings.REQUEST_BODY_BYTES_PER_SECOND
            if now - self._body_began > settings.REQUEST_BODY_SECONDS + pace:
                self._refuse(TooSlow("The request's body came too slowly."))

    # -- the parser's callbacks -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._is_in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > settings.MAX_REQUEST_LINE_BYTES:
            most = settings.MAX_REQUEST_LINE_BYTES
            self._stop(AddressTooLong(f"The address has more than {most} bytes."))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > settings.MAX_HEADER_BYTES:
            self._stop(_head_too_large())
        if not self._is_in_head:
            return  # a trailer: nobody here reads any, and as a header it could say anything
        if len(self.headers) >= settings.MAX_HEADERS:
            self._stop(HeadTooLarge(f"There are more than {settings.MAX_HEADERS} headers."))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_began = False, None
        self._unfinished = self._body_bytes = 0
        self._body_began = self.loop.time()
        self.transport.is_half_read = True
        if len(self.pipeline) >= settings.MAX_PIPELINED_REQUESTS and self._is_answering():
            self._stop(TooManyRequests())
        super().on_headers_complete()
        if self.pipeline:  # uvicorn stops reading, and would not see that the caller is gone
            self.flow.resume_reading()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        self._body_bytes += len(body)
        if self._body_bytes > settings.MAX_REQUEST_BYTES and self.cycle.response_complete:
            self._stop(TooSlow())  # nobody wants the rest of it
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head, self._unfinished = True, 0
        self.transport.is_half_read = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Called for what the parser does not take, and for what `_stop` does not."""
        if self._refused:
            self._refuse(self._refused)
        else:
            super().send_400_response(msg)

    def handle_websocket_upgrade(self) -> None:
        lines = [len(name) + len(value) + 4 for name, value in self.scope["headers"]]
        longest = max([*lines, len(self.url) + len("GET  HTTP/1.1\r\n")])
        if longest > SOCKET_LINE_BYTES or len(lines) > SOCKET_HEADERS:
            self._refuse(HeadTooLarge(f"A header has more than {SOCKET_LINE_BYTES} bytes."))
            return
        self.transport.is_half_read = False
        super().handle_websocket_upgrade()

    # -------------------------------------------------------------------------------------------

    def _stop(self, error: RiniError) -> None:
        """Have the parser give up; uvicorn then calls `send_400_response`."""
        self._refused = error
        raise ValueError(error.code)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._answered is not None and not self._answered.response_complete

    def _tell_gone(self) -> None:
        """uvicorn tells the request that came last, which may still be waiting for its turn."""
        if self._answered is not None and self._is_answering():
            self._answered.disconnected = True
            self._answered.message_event.set()

    def _refuse(self, error: RiniError) -> None:
        """Answer, where no answer has begun, and end the connection."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            can_answer = self._is_in_head
        else:  # its own body, or the head of one that was sent without waiting for its answer
            can_answer = not self._is_in_head and not cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()  # wakes the application, which may wait for the body
        if can_answer and (cycle is None or cycle is self._answered):
            self.transport.write(encoded(error))
        self._tell_gone()
        self.transport.is_half_read = True  # so that `close` lets the sender read the answer
        self.transport.close()


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(f"The headers have more than {settings.MAX_HEADER_BYTES} bytes.")
