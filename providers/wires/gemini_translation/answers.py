"""Gemini's answers as OpenAI's chunks and completions.

A whole answer and each event of a stream are the same object, a ``GenerateContentResponse``; a
stream's adds to what came before, but for the usage, which is that of the answer so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from providers.types import EXTRA_CONTENT, Chunk, Completion
from providers.wires.gemini_translation.endings import block, ending
from providers.wires.gemini_translation.messages import VENDOR
from providers.wires.gemini_translation.usage import UsageReader
from providers.wires.surrogates import Joiner

Json = Mapping[str, Any]
_TIERS = ("flex", "priority")


class Answer:
    """Reads one answer of `choices` choices. `created` is its time in seconds, `new_id` makes ids
    for calls that have none, `tier` is the service tier that the vendor served it on."""

    def __init__(
        self,
        model: str,
        *,
        created: int,
        new_id: Callable[[], str],
        choices: int = 1,
        tier: str | None = None,
    ) -> None:
        self._model = model
        self._created = created
        self._tier = tier if tier in _TIERS else None
        self._new_id = new_id
        self._answer_id = ""
        self._choices = {index: _Choice(index, self._id) for index in range(choices)}
        self._ids: set[str] = set()
        self._usage = UsageReader()

    @property
    def has_ended(self) -> bool:
        """Whether the vendor has given every choice its end."""
        return all(choice.has_ended for choice in self._choices.values())

    def chunk(self, response: Json) -> Chunk | None:
        """What an event adds; None for one that says nothing."""
        choices = [self._choice(one).chunk(one) for one in _objects(response, "candidates")]
        if not choices and (blocked := block(response)):
            choices = [choice.blocked(blocked) for choice in self._choices.values()]
        usage = self._usage.read(response.get("usageMetadata"))
        if not choices and usage is None:
            return None
        if not self._answer_id:
            self._answer_id = response.get("responseId") or self._new_id()
        chunk = {
            "id": self._answer_id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": response.get("modelVersion") or self._model,
            "choices": choices,
        }
        if usage is not None:
            chunk["usage"] = usage
        if self._tier:
            chunk["service_tier"] = self._tier
        return chunk

    def completion(self, response: Json) -> Completion | None:
        """The whole answer; None if there is none in `response`."""
        chunk = self.chunk(response)
        if chunk is None or not chunk["choices"]:
            return None
        choices = [_whole(choice) for choice in sorted(chunk["choices"], key=_index)]
        return {**chunk, "object": "chat.completion", "choices": choices}

    def _choice(self, candidate: Json) -> _Choice:
        index = _index(candidate)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index, self._id)
        return choice

    def _id(self, told: object) -> str:
        """The id of a call: the vendor's if it is one and the first of its kind."""
        new = told if isinstance(told, str) and told and told not in self._ids else self._new_id()
        self._ids.add(new)
        return new


class _Choice:
    """One of the answers that a request asked for."""

    def __init__(self, index: int, call_id: Callable[[object], str]) -> None:
        self.has_ended = False
        self._index = index
        self._call_id = call_id
        self._calls = 0
        self._began = False
        self._text = Joiner()
        self._thoughts = Joiner()

    def chunk(self, candidate: Json) -> dict[str, Any]:
        delta = self._opened()
        content = candidate.get("content")
        for part in _objects(content, "parts") if isinstance(content, dict) else ():
            text = part.get("text")
            if len(part) == 1 and isinstance(text, str):  # nearly every part of nearly every answer
                _add(delta, "content", self._text.feed(text))
            else:
                self._read(part, delta)
        choice: dict[str, Any] = {"index": self._index, "delta": delta, "finish_reason": None}
        if "finishReason" in candidate:
            self._end(candidate, choice)
        if "logprobsResult" in candidate:
            choice["logprobs"] = _logprobs(candidate["logprobsResult"])
        return choice

    def blocked(self, end: Json) -> dict[str, Any]:
        self.has_ended = True
        return {"index": self._index, "delta": self._opened(), **end}

    def _read(self, part: Json, delta: dict[str, Any]) -> None:
        call, text = part.get("functionCall"), part.get("text")
        if isinstance(call, dict):
            delta.setdefault("tool_calls", []).append(self._call(call, part))
            return
        if isinstance(text, str) and part.get("thought"):
            _add(delta, "reasoning_content", self._thoughts.feed(text))
        elif isinstance(text, str):
            _add(delta, "content", self._text.feed(text))
        elif image := _image(part.get("inlineData")):
            delta.setdefault("images", []).append(image)
        delta |= _signed(part)

    def _end(self, candidate: Json, choice: dict[str, Any]) -> None:
        if candidate["finishReason"]:
            self.has_ended = True
            _add(choice["delta"], "reasoning_content", self._thoughts.rest())
            _add(choice["delta"], "content", self._text.rest())
            choice |= ending(candidate, has_called=self._calls > 0)

    def _opened(self) -> dict[str, Any]:
        delta = {} if self._began else {"role": "assistant"}
        self._began = True
        return delta

    def _call(self, call: Json, part: Json) -> dict[str, Any]:
        index, self._calls = self._calls, self._calls + 1
        function = {"name": call.get("name") or "", "arguments": _arguments(call.get("args"))}
        told = {"index": index, "id": self._call_id(call.get("id")), "type": "function"}
        return {**told, "function": function, **_signed(part)}


def _add(delta: dict[str, Any], field: str, text: str) -> None:
    if text:
        delta[field] = delta[field] + text if field in delta else text


def _whole(choice: dict[str, Any]) -> dict[str, Any]:
    """A streamed choice as one of a whole answer: the delta becomes the message, with its end."""
    told = {name: value for name, value in choice.items() if name != "delta"}
    message = {"role": "assistant", "content": None, **choice["delta"]}
    for call in message.get("tool_calls", ()):
        del call["index"]
    reason = told["finish_reason"] or "incomplete"
    return {**told, "message": message, "finish_reason": reason}


def _arguments(args: object) -> str:
    return json.dumps(args if isinstance(args, Mapping) else {}, ensure_ascii=False)


def _signed(part: Json) -> dict[str, Any]:
    signature = part.get("thoughtSignature")
    return {EXTRA_CONTENT: {VENDOR: {"thought_signature": signature}}} if signature else {}


def _image(data: object) -> dict[str, Any] | None:
    if not isinstance(data, Mapping) or not data.get("data"):
        return None
    url = f"data:{data.get('mimeType') or 'image/png'};base64,{data['data']}"
    return {"type": "image_url", "image_url": {"url": url}}


def _logprobs(result: object) -> dict[str, Any] | None:
    """``logprobsResult`` as OpenAI's: what was chosen at each step, and the likeliest there."""
    if not isinstance(result, Mapping):
        return None
    tops = _objects(result, "topCandidates")
    content = []
    for step, chosen in enumerate(_objects(result, "chosenCandidates")):
        top = _objects(tops[step], "candidates") if step < len(tops) else []
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(one) for one in top]})
    return {"content": content, "refusal": None} if content else None


def _logprob(told: Json) -> dict[str, Any]:
    token = str(told.get("token", ""))
    return {
        "token": token,
        "logprob": told.get("logProbability", 0.0),
        "bytes": list(token.encode()),
    }


def _objects(holder: Json, field: str) -> list[Json]:
    """The objects of a list; a candidate or part of another kind is none."""
    values = holder.get(field)
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _index(candidate: Json) -> int:
    """Gemini leaves out a zero."""
    index = candidate.get("index", 0)
    return index if isinstance(index, int) else 0
