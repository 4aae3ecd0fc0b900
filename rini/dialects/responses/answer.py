"""An answer as the events of a response: pure.

``response.created``, ``response.in_progress``, then per item ``response.output_item.added``, its
deltas and ``response.output_item.done``, and in the end ``response.completed``, ``.incomplete`` or
``.failed``. A thought ends where something else begins; all other items end together, because
vendors may come back to them. https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from providers.types import Event, Keepsake, ReasoningDelta, TextDelta, ToolCallDelta
from rini.dialects.responses import file_search, output

Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """Reads the events of one answer: `opening`, `events` of each, `ending`."""

    whose: str
    """The response's id in hexadecimal digits, of which the ids of its items are made."""
    names: output.Names
    shows_keepsakes: bool
    thought: str = ""
    said: str = ""
    calls: list[Json] = field(default_factory=list)
    kept: list[Keepsake] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    """Where the items stand that have begun, by their ids."""
    _numbers: dict[int, int] = field(default_factory=dict)
    """The places in `calls` by the vendor's own numbers."""
    _is_thinking: bool = False
    _sequence: int = -1

    def opening(self, response: Json) -> Iterator[Json]:
        for kind in ("created", "in_progress"):
            yield self._event(f"response.{kind}", response=response)

    def events(self, event: Event) -> Iterator[Json]:
        match event:
            case ReasoningDelta(text):
                yield from self._thought(text)
            case TextDelta(text):
                yield from self._said(text)
            case ToolCallDelta():
                yield from self._called(event)
            case Keepsake(call=None):
                self.kept.append(event)
            case Keepsake(fields, int() as number):
                self.kept.append(Keepsake(fields, self._numbers.get(number, number)))
            case _:
                pass

    def searched(self, search: Json) -> Iterator[Json]:
        """A search in the user's files, which has ended, as its item."""
        begun = {**search, "status": "in_progress", "results": None}
        yield self._begun(begun)
        states = ["in_progress", "searching"]
        states += ["completed"] if search["status"] == output.COMPLETED else []
        for state in states:
            yield self._of(search["id"], f"response.file_search_call.{state}")
        yield self._item("done", search)

    def ending(self, response: Json) -> Iterator[Json]:
        """The ends of all items that have begun, as `response` has them, and its own."""
        yield from self._thinking_ends()
        for item in response["output"]:
            if item["id"] not in self._places:
                yield from self._added(item)
            elif item["type"] not in {"reasoning", file_search.ITEM}:
                yield from self._done(item)
        kind = {"cancelled": "failed"}.get(response["status"], response["status"])
        yield self._event(f"response.{kind}", response=response)

    def items(self, status: str = output.COMPLETED) -> list[Json]:
        """The items of the whole answer."""
        return output.of_answer(
            self.whose,
            thought=self.thought,
            said=self.said,
            calls=self.calls,
            kept=self.kept,
            names=self.names,
            shows_keepsakes=self.shows_keepsakes,
            status=status,
        )

    # -- what is being said -----------------------------------------------------------------------

    def _thought(self, text: str) -> Iterator[Json]:
        self.thought += text
        item_id = f"rs_{self.whose}"
        if item_id not in self._places:
            yield self._begun(output.reasoning(self.whose, ""))
            part = {"type": "summary_text", "text": ""}
            kind = "response.reasoning_summary_part.added"
            yield self._of(item_id, kind, summary_index=0, part=part)
            self._is_thinking = True
        if self._is_thinking:  # what comes later stands in the whole item only
            kind = "response.reasoning_summary_text.delta"
            yield self._of(item_id, kind, summary_index=0, delta=text)

    def _thinking_ends(self) -> Iterator[Json]:
        if not self._is_thinking:
            return
        self._is_thinking = False
        of_thoughts = output.told_with(self.kept, self.calls)[0] if self.shows_keepsakes else ""
        item = output.reasoning(self.whose, self.thought, of_thoughts)
        kind = "response.reasoning_summary"
        part = {"type": "summary_text", "text": self.thought}
        yield self._of(item["id"], f"{kind}_text.done", summary_index=0, text=self.thought)
        yield self._of(item["id"], f"{kind}_part.done", summary_index=0, part=part)
        yield self._item("done", item)

    def _said(self, text: str) -> Iterator[Json]:
        yield from self._thinking_ends()
        item_id = f"msg_{self.whose}"
        if item_id not in self._places:
            yield self._begun(output.message(self.whose, None, output.IN_PROGRESS))
            kind, part = "response.content_part.added", output.text_part("")
            yield self._of(item_id, kind, content_index=0, part=part)
        self.said += text
        kind = "response.output_text.delta"
        yield self._of(item_id, kind, content_index=0, delta=text, logprobs=[])

    def _called(self, event: ToolCallDelta) -> Iterator[Json]:
        yield from self._thinking_ends()
        if event.index not in self._numbers:
            self._numbers[event.index] = len(self.calls)
            function = {"name": event.name or "", "arguments": ""}
            call_id = event.id or f"call_{self.whose}{len(self.calls):02x}"
            self.calls.append({"id": call_id, "type": "function", "function": function})
            yield self._begun(self._call(self._numbers[event.index], output.IN_PROGRESS))
        number = self._numbers[event.index]
        self.calls[number]["function"]["arguments"] += event.arguments
        item = self._call(number)
        if event.arguments and item["type"] == "function_call":
            kind = "response.function_call_arguments.delta"
            yield self._of(item["id"], kind, delta=event.arguments)

    def _call(self, number: int, status: str = output.COMPLETED) -> Json:
        return output.call(self.whose, number, self.calls[number], self.names, status)

    # -- how it is said ---------------------------------------------------------------------------

    def _done(self, item: Json) -> Iterator[Json]:
        """The end of an item whose beginning has been told."""
        item_id = item["id"]
        match item["type"]:
            case "message":
                [part] = item["content"]
                kind = "response.output_text.annotation.added"
                for i, one in enumerate(part["annotations"]):
                    fields = {"annotation_index": i, "annotation": one}
                    yield self._of(item_id, kind, content_index=0, **fields)
                ends = {"text": part["text"], "logprobs": []}
                yield self._of(item_id, "response.output_text.done", content_index=0, **ends)
                yield self._of(item_id, "response.content_part.done", content_index=0, part=part)
            case "function_call":
                ends = {"arguments": item["arguments"], "name": item["name"]}
                yield self._of(item_id, "response.function_call_arguments.done", **ends)
            case "custom_tool_call":
                kind, given = "response.custom_tool_call_input", item["input"]
                yield self._of(item_id, f"{kind}.delta", delta=given)
                yield self._of(item_id, f"{kind}.done", input=given)
        yield self._item("done", item)

    def _added(self, item: Json) -> Iterator[Json]:
        """An item of which nothing has been told."""
        yield self._begun(item)
        yield self._item("done", item)

    def _begun(self, item: Json) -> Json:
        self._places[item["id"]] = len(self._places)
        return self._item("added", item)

    def _item(self, kind: str, item: Json) -> Json:
        place = self._places[item["id"]]
        return self._event(f"response.output_item.{kind}", output_index=place, item=item)

    def _of(self, item_id: str, kind: str, **fields: Any) -> Json:
        place = self._places[item_id]
        return self._event(kind, item_id=item_id, output_index=place, **fields)

    def _event(self, kind: str, **fields: Any) -> Json:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence, **fields}
