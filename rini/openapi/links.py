"""Which operations go on with what another one has made: OpenAPI's links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

MAKERS = {
    # What makes a thing, the field of its answer that identifies it, and where it is found.
    "/sessions/": ("id", "/sessions/"),
    "/sessions/{session_id}/messages/": ("id", "/messages/"),
    "/sessions/{session_id}/generations/": ("id", "/generations/"),
    "/tokens/": ("id", "/tokens/"),
    "/api-keys/": ("id", "/api-keys/"),
    "/budgets/": ("id", "/budgets/"),
    "/groups/": ("id", "/groups/"),
    "/api/sessions/": ("session_id", "/api/sessions/"),
    "/chat/stream/": ("stream_id", "/chat/stream/"),
    # Both /api/conversations/… and /api/chat/….
    "/api/conversations/create/": ("conversation_id", "/api/c"),
}


def add_links(result: Json, **_: Any) -> Json:
    """drf-spectacular's postprocessing hook: every maker's answer links to what can follow it."""
    for path, (field, place) in MAKERS.items():
        responses = result["paths"][path]["post"]["responses"]
        succeeded = next(told for status, told in responses.items() if status < "300")
        succeeded["links"] = {
            operation: {"operationId": operation, "parameters": {name: f"$response.body#/{field}"}}
            for operation, name in _following(result, place)
        }
    return result


def _following(result: Json, place: str) -> Iterator[tuple[str, str]]:
    """The operations below a place, and the name of their first argument."""
    for path, methods in result["paths"].items():
        argument = re.match(rf"{re.escape(place)}[a-z/]*\{{(\w+)\}}", path)
        if argument:
            yield from ((told["operationId"], argument[1]) for told in methods.values())
