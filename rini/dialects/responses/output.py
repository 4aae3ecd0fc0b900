"""The items of an answer: what it thought, what it said, and what it called. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.types import THINKING_BLOCKS, Keepsake
from rini.dialects.responses import keepsakes, tools
from rini.dialects.responses.tools import Named

Json = dict[str, Any]
Names = Mapping[str, Named]
"""What the client calls its tools, by the names that models call them by."""
IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"


def reasoning(whose: str, text: str, kept: str = "") -> Json:
    """What a model thought, as a summary, and what its vendor wants back."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item = {"id": f"rs_{whose}", "type": "reasoning", "summary": summary}
    return {**item, "encrypted_content": kept} if kept else item


def reasoning_kept(whose: str, kept: str) -> Json:
    """A thought without words behind the calls, for what belongs to them."""
    return {**reasoning(whose, "", kept), "id": f"rs_{whose}ff"}


def message(
    whose: str, text: str | None, status: str = COMPLETED, cited: Sequence[Json] = ()
) -> Json:
    """`text` is None where nothing has been said yet."""
    content = [] if text is None else [text_part(text, cited)]
    head = {"id": f"msg_{whose}", "type": "message", "status": status, "role": "assistant"}
    return {**head, "content": content}


def text_part(text: str, cited: Sequence[Json] = ()) -> Json:
    return {"type": "output_text", "text": text, "annotations": list(cited), "logprobs": []}


def call(
    whose: str,
    index: int,
    told: Mapping[str, Any],
    names: Names,
    status: str = COMPLETED,
) -> Json:
    """A call of a function, or of a custom tool. `told` is a tool call of the chat format."""
    function = told["function"]
    named = names.get(function["name"]) or Named(function["name"])
    head = {"status": status, "call_id": told["id"], "name": named.name}
    head |= {"namespace": named.namespace} if named.namespace else {}
    if named.is_custom:
        given = tools.input_of(function["arguments"]) if function["arguments"] else ""
        item_id = f"ctc_{whose}{index:02x}"
        return {"id": item_id, "type": "custom_tool_call", **head, "input": given}
    arguments = function["arguments"]
    item_id = f"fc_{whose}{index:02x}"
    return {"id": item_id, "type": "function_call", **head, "arguments": arguments}


def of_answer(
    whose: str,
    *,
    thought: str,
    said: str,
    calls: Sequence[Mapping[str, Any]],
    kept: Sequence[Keepsake],
    names: Names,
    shows_keepsakes: bool,
    status: str = COMPLETED,
    search: Json | None = None,
    cited: Sequence[Json] = (),
) -> list[Json]:
    """All items of an answer that has ended, in the order in which models give them."""
    of_thoughts, of_calls = told_with(kept, calls) if shows_keepsakes else ("", "")
    found: list[Json] = [search] if search else []
    if thought or of_thoughts:
        found.append(reasoning(whose, thought, of_thoughts))
    if said:
        found.append(message(whose, said, status, cited))
    found += [call(whose, index, told, names, status) for index, told in enumerate(calls)]
    return found + ([reasoning_kept(whose, of_calls)] if of_calls else [])


def told_with(kept: Sequence[Keepsake], calls: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """What goes with the thoughts, and what behind the calls."""
    ids = {index: str(told["id"]) for index, told in enumerate(calls)}
    thoughts = [one for one in kept if one.call is None and THINKING_BLOCKS in one.fields]
    others = [one for one in kept if one.call is not None or THINKING_BLOCKS not in one.fields]
    return keepsakes.written(thoughts, {}), keepsakes.written(others, ids)
