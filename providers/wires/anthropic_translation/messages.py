"""A conversation in OpenAI's format as Anthropic's ``system`` and ``messages``.

System messages before the first turn make ``system``. Later ones stay among the turns where the
model takes them there: Anthropic wants them right behind a user's turn, so one before it moves to
its end. Models that take none there, and places where none may stand, find them in ``system``.

Messages of one role in a row are one turn, results of tools are the first blocks of a user's turn,
and messages without content are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from providers.types import THINKING_BLOCKS, ChatMessage
from providers.wires.anthropic_translation.blocks import Block, blocks, with_cache_control
from providers.wires.anthropic_translation.names import CallIds, ToolNames
from providers.wires.parameters import refused, unknown_role
from rini.translation import gettext as _

Turn = dict[str, Any]
_THINKING_FIELDS = {
    "thinking": ("type", "thinking", "signature"),
    "redacted_thinking": ("type", "data"),
}


class Conversation:
    """Reads messages one by one. Raises ProviderRefused for what cannot be said."""

    def __init__(self, names: ToolNames, *, hears_system_midway: bool, provider: str) -> None:
        self.system: list[Block] = []
        self.turns: list[Turn] = []
        self._names = names
        self._hears_system_midway = hears_system_midway
        self._provider = provider
        self._ids = CallIds()
        self._waiting: list[Block] = []
        """System blocks that are to stand behind the user's turn that comes or is there."""

    def read(self, messages: Sequence[ChatMessage]) -> None:
        for index, message in enumerate(messages):
            self._add(message, f"messages[{index}]")
        self._place_waiting()
        if not self.turns:
            raise refused(self._provider, _("takes no conversation without content."), "messages")

    def _add(self, message: ChatMessage, where: str) -> None:
        role = message.get("role")
        if role is not None and not isinstance(role, str):
            raise refused(self._provider, _("takes role as a text."), where)
        if role in {"system", "developer"}:
            self._hear(blocks_of(message, where, self._provider))
        elif role == "user":
            self._turn("user", blocks_of(message, where, self._provider))
        elif role == "assistant":
            self._turn("assistant", list(self._assistants(message, where)))
        elif role == "tool":
            self._result(message, where)
        else:
            raise refused(self._provider, unknown_role(role), where)

    def _hear(self, said: list[Block]) -> None:
        if self.turns and self._hears_system_midway:
            self._waiting += said
        else:
            self.system += said

    def _place_waiting(self) -> None:
        if self._waiting:
            follows_user = self.turns[-1]["role"] == "user"
            if follows_user:
                self.turns.append({"role": "system", "content": self._waiting})
            else:
                self.system += self._waiting
            self._waiting = []

    def _turn(self, role: str, said: list[Block]) -> None:
        if not said:
            return
        if role == "assistant":
            self._place_waiting()
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += said
        else:
            self.turns.append({"role": role, "content": said})

    def _result(self, message: ChatMessage, where: str) -> None:
        given = message.get("tool_call_id")
        call_id = self._ids.of_result(given if isinstance(given, str) else None)
        if call_id is None:
            raise refused(
                self._provider,
                _("knows no tool call %(given)s without a result.") % {"given": given},
                where,
            )
        result: Block = {"type": "tool_result", "tool_use_id": call_id}
        content = message.get("content")
        if content:
            as_text = isinstance(content, str)
            result["content"] = content if as_text else blocks(content, where, self._provider)
        [result] = with_cache_control([result], message)
        self._turn("user", [result])
        turn = self.turns[-1]["content"]
        turn.insert(sum(block["type"] == "tool_result" for block in turn) - 1, turn.pop())

    def _assistants(self, message: ChatMessage, where: str) -> Iterator[Block]:
        if message.get("audio") or message.get("function_call"):
            name = "audio" if message.get("audio") else "function_call"
            raise refused(
                self._provider, _("takes no %(name)s in a message.") % {"name": name}, where
            )
        yield from self._thinking(message.get(THINKING_BLOCKS), where)
        yield from blocks_of(message, where, self._provider)
        yield from blocks(message.get("refusal"), where, self._provider)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise refused(self._provider, _("takes tool_calls as a list."), where)
        for call in calls:
            yield self._call(call, where)

    def _thinking(self, thought: object, where: str) -> Iterator[Block]:
        for block in thought if isinstance(thought, list) else ():
            kind = block.get("type") if isinstance(block, Mapping) else None
            fields = _THINKING_FIELDS.get(str(kind))
            if not fields or not all(isinstance(block.get(name), str) for name in fields):
                refusal = _("takes in %(name)s only what it answered there, unchanged.")
                raise refused(self._provider, refusal % {"name": THINKING_BLOCKS}, where)
            yield {name: block[name] for name in fields}

    def _call(self, call: object, where: str) -> Block:
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(name, str) or not name:
            kind = call.get("type") if isinstance(call, Mapping) else None
            is_other = kind is not None and kind != "function"
            refusal = (
                _("takes no tool call of type %(type)s.") % {"type": kind}
                if is_other
                else _("takes no tool call without a name.")
            )
            raise refused(self._provider, refusal, where)
        given = call.get("id")
        block = {
            "type": "tool_use",
            "id": self._ids.of_call(given if isinstance(given, str) else None),
            "name": self._names.sent(name),
            "input": self._arguments(call["function"].get("arguments"), name, where),
        }
        return with_cache_control([block], call)[0]

    def _arguments(self, arguments: object, name: str, where: str) -> Mapping[str, Any]:
        """The arguments of a call, JSON text; a call without any has none."""
        if arguments is None or (isinstance(arguments, str) and not arguments.strip()):
            return {}
        try:
            value = orjson.loads(arguments) if isinstance(arguments, str) else arguments
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, Mapping):
            refusal = _("takes the arguments of the tool call %(name)s as a JSON object.")
            raise refused(self._provider, refusal % {"name": name}, where)
        return value


def blocks_of(message: ChatMessage, where: str, provider: str) -> list[Block]:
    """The blocks of a message's content; a breakpoint on the message is one on its last."""
    return with_cache_control(blocks(message.get("content"), where, provider), message)
