"""A reader of UI message streams that is as strict as the AI SDK's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

Part = dict[str, Any]


def parts_of(stream: str) -> list[Part]:
    """The parts of a whole stream, which has its end marker."""
    frames = [frame for frame in stream.split("\n\n") if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") for frame in frames), stream
    *told, end = (frame.removeprefix("data: ") for frame in frames)
    assert end == "[DONE]"
    return [json.loads(one) for one in told]


def message_of(parts: Iterable[Part]) -> dict[str, Any]:
    """The message that a page makes of the parts; one out of its place fails."""
    pending = iter(parts)
    start = next(pending)
    assert start["type"] == "start"
    message: dict[str, Any] = {"id": start["messageId"], "parts": [], "end": None}
    message["metadata"] = dict(start["messageMetadata"])
    written: dict[str, Part] = {}
    for part in pending:
        assert message["end"] is None, f"{part} after the end"
        _take(message, written, part)
    assert not written, "a part was not ended"
    return message


def _take(message: dict[str, Any], written: dict[str, Part], part: Part) -> None:
    kind, _, step = part["type"].rpartition("-")
    match kind, step:
        case "text" | "reasoning", "start":
            written[part["id"]] = {"type": kind, "text": ""}
            message["parts"].append(written[part["id"]])
        case "text" | "reasoning", "delta":
            written[part["id"]]["text"] += part["delta"]
        case "text" | "reasoning", "end":
            del written[part["id"]]
        case "tool-input", "start":
            call = {"type": f"tool-{part['toolName']}", "id": part["toolCallId"], "text": ""}
            written[part["toolCallId"]] = call
            message["parts"].append(call)
        case "tool-input", "delta":
            written[part["toolCallId"]]["text"] += part["inputTextDelta"]
        case "tool-input", "available" | "error":
            written.pop(part["toolCallId"])["input"] = part["input"]
        case "source", "document":
            message["parts"].append(part)
        case (("start" | "finish"), "step"):
            pass
        case "", "finish" | "abort" | "error":
            message["end"] = part
            message["metadata"] |= part.get("messageMetadata", {})
        case _:
            raise AssertionError(f"no such part: {part}")


def texts_of(message: dict[str, Any], kind: str = "text") -> Iterator[str]:
    return (part["text"] for part in message["parts"] if part["type"] == kind)
