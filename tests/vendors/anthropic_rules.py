"""What Anthropic refuses in a request, as its documents and its 400s tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.vendors.script import Json

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ID = re.compile(r"[a-zA-Z0-9_-]+")
FIELDS = {
    *("model", "max_tokens", "messages", "system", "stream", "temperature", "top_p", "top_k"),
    *("stop_sequences", "tools", "tool_choice", "thinking", "output_config", "metadata"),
    *("service_tier", "cache_control"),
}
BLOCKS = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
    "system": {"text"},
}


def violations(body: Json) -> list[str]:
    """One line for each; empty for a request that would be answered."""
    return [*_of_fields(body), *_of_turns(body["messages"]), *_of_calls(body["messages"])]


def _of_fields(body: Json) -> Iterator[str]:
    if extra := body.keys() - FIELDS:
        yield f"extra inputs: {sorted(extra)}"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens"
    names = [tool["name"] for tool in body.get("tools", ())]
    if len(set(names)) < len(names):
        yield "tool names must be unique"
    yield from (f"tool name {name!r}" for name in names if not NAME.fullmatch(name))
    for tool in body.get("tools", ()):
        if tool["input_schema"].get("type") != "object":
            yield f"input_schema of {tool['name']}"
    choice = body.get("tool_choice")
    if choice and (not names or choice.get("name", names[0]) not in names):
        yield "tool_choice without its tool"
    yield from (f"system: {problem}" for problem in _of_blocks(body.get("system", []), {"text"}))


def _of_turns(turns: list[Json]) -> Iterator[str]:
    if not turns:
        yield "at least one message is required"
    for before, turn, after in zip([None, *turns], turns, [*turns[1:], None], strict=False):
        role = turn["role"]
        if role not in BLOCKS:
            yield f"role {role!r}"
            continue
        if role == "system" and (
            before is None
            or before["role"] != "user"
            or (after is not None and after["role"] != "assistant")
        ):
            yield "a system message stands behind a user turn and before an assistant's"
        if before is not None and before["role"] == role:
            yield "roles are to alternate"
        yield from _of_blocks(turn["content"], BLOCKS[role])


def _of_blocks(blocks: Any, allowed: set[str]) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield "content is a list here"
        return
    for block in blocks:
        if block["type"] not in allowed:
            yield f"block {block['type']}"
        if block["type"] == "text" and not block["text"].strip():
            yield "text content blocks must contain non-whitespace text"


def _of_calls(turns: list[Json]) -> Iterator[str]:
    seen: set[str] = set()
    for turn, after in zip(turns, [*turns[1:], {"content": []}], strict=False):
        kinds = [block["type"] for block in turn["content"]]
        if "tool_result" in kinds and kinds.index("tool_result") != 0:
            yield "tool_result blocks must come first"
        if kinds != sorted(kinds, key=lambda kind: kind != "tool_result"):
            yield "tool_result blocks must come together"
        calls = [block for block in turn["content"] if block["type"] == "tool_use"]
        for call in calls:
            if call["id"] in seen or not ID.fullmatch(call["id"]):
                yield f"tool_use id {call['id']!r}"
            seen.add(call["id"])
            if not NAME.fullmatch(call["name"]) or not isinstance(call["input"], dict):
                yield f"tool_use {call['name']!r}"
        answered = [b["tool_use_id"] for b in after["content"] if b["type"] == "tool_result"]
        if extra := set(answered) - {call["id"] for call in calls}:
            yield f"tool_result without its tool_use before: {extra}"
