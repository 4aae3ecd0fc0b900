"""A WebSocket window on a session."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import User
from tests.conversations.reading import TERMINAL
from tests.rini_server import RiniServer

Message = dict[str, Any]


class Window:
    """Opened with the token as subprotocol, unless `token` is empty."""

    def __init__(
        self,
        user: User,
        server: RiniServer,
        session_id: str,
        *,
        token: str | None = None,
        origin: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        token = user.token if token is None else token
        self.socket: ClientConnection
        self._opening: Any = connect(
            f"{server.websocket_url}/ws/sessions/{session_id}/",
            subprotocols=["bearer", token] if token else None,  # type: ignore[list-item]  # a NewType of str
            additional_headers=headers,
            origin=origin,  # type: ignore[arg-type]  # a NewType of str
        )

    def __enter__(self) -> Self:
        self.socket = self._opening.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._opening.__exit__(*raised)

    def send(self, type_: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": type_, **fields}))

    def receive(self, timeout: float = 15) -> Message:
        """The next message but for the word that the token was good."""
        message: Message = json.loads(self.socket.recv(timeout))
        return self.receive(timeout) if message["type"] == "authenticated" else message

    def ready(self) -> Self:
        """Return when this window is authenticated: what begins from now on is seen."""
        self.send("ping")
        assert self.receive() == {"type": "pong"}
        return self

    def generate(self, text: str = "질문", **body: Any) -> None:
        self.send("generate", **{"text": text, "provider": "local", "model": "played", **body})

    def until_end(self) -> list[Message]:
        """What comes, to the end of one answer."""
        got = [self.receive()]
        while got[-1]["type"] not in {f"generation.{ending}" for ending in TERMINAL}:
            got.append(self.receive())
        return got

    def close_code(self, timeout: float = 15) -> int:
        """The code with which the server closes, whatever it says before."""
        with suppress(ConnectionClosed):
            while True:
                self.socket.recv(timeout)
        code = self.socket.close_code
        assert code is not None
        return code


def text_in(messages: list[Message]) -> str:
    return "".join(message["text"] for message in messages if message["type"] == "text.delta")
