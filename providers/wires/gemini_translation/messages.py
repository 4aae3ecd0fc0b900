"""Messages of OpenAI's format as Gemini's system instruction and contents.

A conversation at Gemini is a list of contents by ``user`` and ``model``; the results of all calls
of one turn stand in one content of the user's. Gemini has no names of participants, and reads no
thoughts back (``reasoning_content``): of these only the signatures go along, where the answer had
them. Signatures: https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from providers.types import EXTRA_CONTENT, ChatMessage
from providers.wires.gemini_translation.calls import Called, Calls
from providers.wires.gemini_translation.media import MAKERS, Part
from providers.wires.gemini_translation.model import GeminiModel
from providers.wires.parameters import unknown_role
from rini.translation import gettext as _

Content = dict[str, Any]
VENDOR = "google"
NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google says to send for calls that its model did not make, or that lost their signature on
the way: from Gemini 3 on a turn that calls tools is refused without one."""


class Conversation:
    """`messages` in Gemini's words. Raises ProviderRefused for what has none."""

    def __init__(self, messages: Sequence[ChatMessage], model: GeminiModel) -> None:
        self.system: list[Part] = []
        self.contents: list[Content] = []
        self._model = model
        self._called = Calls()
        for i, message in enumerate(messages):
            self._add(message, f"messages[{i}]")
        if not self.contents:
            raise model.refused(_("needs a message beside the system's."), "messages")

    def _add(self, message: ChatMessage, where: str) -> None:
        role = message.get("role") if isinstance(message, Mapping) else None
        match role:
            case "system" | "developer":
                self.system += self._texts(message.get("content"), where)
            case "user":
                self._append("user", list(self._parts(message.get("content"), where)))
            case "assistant":
                self._append("model", self._said(message, where))
            case "tool" | "function":
                self._append_result(self._result(message, where))
            case _:
                raise self._model.refused(unknown_role(role), f"{where}.role")

    def _append(self, role: str, parts: list[Part]) -> None:
        if parts:
            self.contents.append({"role": role, "parts": parts})

    def _append_result(self, parts: list[Part]) -> None:
        last = self.contents[-1] if self.contents else None
        if last and last["role"] == "user" and "functionResponse" in last["parts"][0]:
            last["parts"] += parts
        else:
            self._append("user", parts)

    def _said(self, message: ChatMessage, where: str) -> list[Part]:
        if message.get("audio"):
            raise self._model.refused(_("takes no audio of the assistant's."), f"{where}.audio")
        parts = self._texts(message.get("content"), where)
        parts += self._texts(message.get("refusal"), where)
        if signature := _signature(message):
            if not parts:
                parts.append({"text": ""})
            parts[-1]["thoughtSignature"] = signature
        return parts + self._calls(message, where)

    def _calls(self, message: ChatMessage, where: str) -> list[Part]:
        given = message.get("tool_calls") or ()
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise self._model.refused(_("takes tool_calls as a list."), f"{where}.tool_calls")
        calls = [self._call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(given)]
        if old := message.get("function_call"):
            calls.append(self._call({"function": old}, f"{where}.function_call"))
        if self._model.is_third and calls and not any("thoughtSignature" in c for c in calls):
            calls[0]["thoughtSignature"] = NO_SIGNATURE
        return calls

    def _call(self, call: object, where: str) -> Part:
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(function, Mapping) or not name:
            raise self._model.refused(_("takes calls of functions by name only."), where)
        told: dict[str, Any] = {"name": str(name), "args": self._arguments(function, where)}
        if call_id := _id(call.get("id")):
            told["id"] = self._called.called(call_id, told["name"]).id
        signature = _signature(call)
        return {"functionCall": told} | ({"thoughtSignature": signature} if signature else {})

    def _arguments(self, function: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        arguments = function.get("arguments")
        if arguments is None or arguments == "":
            return {}
        if isinstance(arguments, str):
            with suppress(orjson.JSONDecodeError):
                arguments = orjson.loads(arguments)
        if isinstance(arguments, Mapping):
            return arguments
        raise self._model.refused(_("takes arguments as the JSON text of an object."), where)

    def _result(self, message: ChatMessage, where: str) -> list[Part]:
        call = self._call_answered(message, where)
        parts = list(self._parts(message.get("content"), where))
        texts = [part["text"] for part in parts if "text" in part]
        output = texts if len(texts) > 1 else "".join(texts)
        told: dict[str, Any] = {"name": call.name, "response": {"output": output}}
        if call.id:
            told["id"] = call.id
        inside = [p for p in parts if "inlineData" in p and self._model.is_third]
        if inside:
            told["parts"] = [{"inlineData": part["inlineData"]} for part in inside]
        beside = [part for part in parts if "text" not in part and part not in inside]
        return [{"functionResponse": told}, *beside]

    def _call_answered(self, message: ChatMessage, where: str) -> Called:
        if message.get("role") == "function":
            return Called("", str(message.get("name")))
        given = _id(message.get("tool_call_id"))
        if call := self._called.answered(given):
            return call
        raise self._model.refused(
            _(
                "takes a tool's result once and after its call; %(given)r is no call before it "
                "without one."
            )
            % {"given": given[:80]},
            f"{where}.tool_call_id",
        )

    def _texts(self, content: object, where: str) -> list[Part]:
        parts = list(self._parts(content, where))
        if any("text" not in part for part in parts):
            raise self._model.refused(_("takes only texts from this role."), f"{where}.content")
        return parts

    def _parts(self, content: object, where: str) -> Iterator[Part]:
        """A message's content part by part, without texts that are empty."""
        if isinstance(content, str) or content is None:
            content = [{"type": "text", "text": content or ""}]
        if not isinstance(content, list):
            raise self._model.refused(_("takes a text or a list of parts."), f"{where}.content")
        for i, part in enumerate(content):
            made = self._part(part, f"{where}.content[{i}]")
            if made.get("text") != "":
                yield made

    def _part(self, part: object, where: str) -> Part:
        kind = str(part.get("type")) if isinstance(part, Mapping) else "none"
        if isinstance(part, Mapping) and kind in {"text", "refusal"}:
            text = part.get(kind)
            if isinstance(text, str):
                return {"text": text}
        elif isinstance(part, Mapping) and kind in MAKERS:
            return MAKERS[kind](part, where, self._model)
        raise self._model.refused(
            _("takes no part of type %(type)s as this one is.") % {"type": kind[:40]}, where
        )


def _id(given: object) -> str:
    return given if isinstance(given, str) else ""


def _signature(told: Mapping[str, Any]) -> str | None:
    """The thought signature that came with a message or a call."""
    extra = told.get(EXTRA_CONTENT)
    of_google = extra.get(VENDOR) if isinstance(extra, Mapping) else None
    signature = of_google.get("thought_signature") if isinstance(of_google, Mapping) else None
    return signature if isinstance(signature, str) and signature else None
