"""A conversation's items as a request of the chat format, which every wire speaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.types import EXTRA_CONTENT, THINKING_BLOCKS, ChatMessage, ChatRequest
from rini.dialects.responses import compaction, items, keepsakes, tools

Json = dict[str, Any]
_VENDORS_OWN = ("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
"""Fields that say something to OpenAI only."""
_IMAGE_ALONE = "(the images follow)"


def chat_request(
    settings: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    *,
    limit: str,
    thinks: bool,
    is_openai: bool,
) -> ChatRequest:
    """`limit` is the vendor's name for the most tokens of an answer. A model that does not think is
    not told how much."""
    instructions = settings["instructions"]
    system = [{"role": "system", "content": instructions}] if instructions else []
    params: Json = {
        name: settings[name] for name in ("temperature", "top_p") if settings[name] is not None
    }
    if settings["max_output_tokens"] is not None:
        params[limit] = settings["max_output_tokens"]
    if settings["service_tier"] not in {"auto", "default"}:
        params["service_tier"] = settings["service_tier"]
    effort = settings["reasoning"]["effort"]
    if effort is not None and thinks:
        params["reasoning_effort"] = effort
    if is_openai:
        own = {name: settings[name] for name in _VENDORS_OWN if settings[name] is not None}
        params |= own
    params |= _format(settings["text"]) | tools.as_chat(settings)
    return ChatRequest([*system, *messages(given)], params)


def messages(given: Iterable[Mapping[str, Any]]) -> Sequence[ChatMessage]:
    """The messages that the items are: calls that follow each other are one message's."""
    given = list(given)
    kept_of_calls = keepsakes.of_calls(given)
    told: list[Json] = []
    kept: Json = {}
    pictures: list[Json] = []
    for item in given:
        is_result = item["type"] in {"function_call_output", "custom_tool_call_output"}
        if pictures and not is_result:
            told.append({"role": "user", "content": pictures})
            pictures = []
        match item["type"]:
            case "reasoning":
                kept |= keepsakes.of_answer(item)
            case "message" if item["role"] == "assistant":
                told.append({"role": "assistant", "content": "".join(items.texts_of(item)), **kept})
                kept = {}
            case "function_call" | "custom_tool_call":
                call = _call(item)
                if call["id"] in kept_of_calls:
                    call[EXTRA_CONTENT] = kept_of_calls[call["id"]]
                _add_call(told, call, kept)
                kept = {}
            case "message":
                role = "system" if item["role"] in {"system", "developer"} else "user"
                told.append({"role": role, "content": _content(item["content"])})
            case compaction.KIND:
                told.append(compaction.as_chat(item))
            case "file_search_call":
                pass  # what was found is told with the question that it was for
            case _:
                told.append(_result(item))
                pictures += _pictures(item["output"])
    return told + ([{"role": "user", "content": pictures}] if pictures else [])


def _add_call(told: list[Json], call: Json, kept: Json) -> None:
    last = told[-1] if told else {}
    thinks_again = THINKING_BLOCKS in kept and THINKING_BLOCKS in last
    if last.get("role") != "assistant" or thinks_again:
        last = {"role": "assistant", "content": None}
        told.append(last)
    last |= kept
    last.setdefault("tool_calls", []).append(call)


def _call(item: Mapping[str, Any]) -> Json:
    is_custom = item["type"] == "custom_tool_call"
    arguments = tools.arguments_of(item["input"]) if is_custom else item["arguments"]
    name = tools.joined(item.get("namespace"), item["name"])
    function = {"name": name, "arguments": arguments}
    return {"id": item["call_id"], "type": "function", "function": function}


def _result(item: Mapping[str, Any]) -> Json:
    text = "\n\n".join(items.texts_of(item))
    if not text and _pictures(item["output"]):
        text = _IMAGE_ALONE
    return {"role": "tool", "tool_call_id": item["call_id"], "content": text}


def _pictures(output: object) -> list[Json]:
    """Those of a tool's result go to a user's message behind the results, because OpenAI's tools
    answer in text only."""
    parts = output if isinstance(output, list) else []
    return [_part(part) for part in parts if "text" not in part]


def _content(content: str | Sequence[Mapping[str, Any]]) -> str | list[Json]:
    if isinstance(content, str):
        return content
    parts = [_part(part) for part in content]
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _part(part: Mapping[str, Any]) -> Json:
    match part["type"]:
        case "input_image":
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file":
            name = part.get("filename") or "document.pdf"
            return {"type": "file", "file": {"filename": name, "file_data": part["file_data"]}}
        case "input_audio":
            return {"type": "input_audio", "input_audio": part.get("input_audio")}
        case "refusal":
            return {"type": "text", "text": part["refusal"]}
        case _:
            return {"type": "text", "text": part["text"]}


def _format(text: Mapping[str, Any]) -> Json:
    told = text["format"]
    verbosity = text.get("verbosity")
    fields = {} if verbosity in {None, "medium"} else {"verbosity": verbosity}
    if told["type"] == "text":
        return fields
    if told["type"] == "json_object":
        return {**fields, "response_format": {"type": "json_object"}}
    schema = {name: value for name, value in told.items() if name != "type" and value is not None}
    return {**fields, "response_format": {"type": "json_schema", "json_schema": schema}}
