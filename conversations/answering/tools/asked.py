"""What a model says in one step of an answer with tools, put together from its pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from providers.types import (
    EXTRA_CONTENT,
    THINKING_BLOCKS,
    ChatMessage,
    Event,
    Finished,
    Keepsake,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)


@dataclass(slots=True)
class Asked:
    """A call of a tool, as a model asks for it: `arguments` is JSON text."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: Any = None
    """What the vendor wants back with it."""

    def parsed(self) -> dict[str, Any] | None:
        """The arguments; None for what is no JSON object. (Of a tool without arguments some models
        send nothing.)"""
        if not self.arguments.strip():
            return {}
        try:
            value = orjson.loads(self.arguments)
        except orjson.JSONDecodeError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(slots=True)
class Step:
    """One step: `read` every event of the model's answer, then see what it asks for."""

    text: str = ""
    finished: Finished | None = None
    _calls: dict[int, Asked] = field(default_factory=dict)
    _thoughts: list[Any] = field(default_factory=list)
    _extra: Any = None

    @property
    def end(self) -> Finished:
        """The last event of the model's answer, which every whole stream has."""
        if self.finished is None:
            raise ValueError("the answer has not been read to its end")
        return self.finished

    @property
    def calls(self) -> Sequence[Asked]:
        return [self._calls[index] for index in sorted(self._calls)]

    def read(self, event: Event) -> None:
        match event:
            case TextDelta(text):
                self.text += text
            case ToolCallDelta(index, id_, name, arguments):
                call = self._calls.setdefault(index, Asked())
                call.id = call.id or id_ or ""
                call.name = call.name or name or ""
                call.arguments += arguments
            case Keepsake(fields, None):
                self._thoughts += [_without_index(one) for one in fields.get(THINKING_BLOCKS, ())]
                self._extra = fields.get(EXTRA_CONTENT) or self._extra
            case Keepsake(fields, int() as call_index):
                self._calls.setdefault(call_index, Asked()).extra = fields.get(EXTRA_CONTENT)
            case Finished():
                self.finished = event
            case ReasoningDelta():
                pass

    def message(self) -> ChatMessage:
        """What the model said, as it is told it in the next step."""
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
                **({EXTRA_CONTENT: call.extra} if call.extra else {}),
            }
            for call in self.calls
        ]
        return {
            "role": "assistant",
            "content": self.text or None,
            "tool_calls": calls,
            **({THINKING_BLOCKS: self._thoughts} if self._thoughts else {}),
            **({EXTRA_CONTENT: self._extra} if self._extra else {}),
        }


def _without_index(block: Any) -> Any:
    return {name: value for name, value in block.items() if name != "index"}
