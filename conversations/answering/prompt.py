"""What a model is told: pure assembly of a conversation into OpenAI's chat format.

The prefix stays the same from turn to turn, so that vendors' prompt caches hit: first the system
prompt, then the turns as they were, and the new one last. Where the turns do not all fit, the
oldest go in blocks: after a cut there is room for many turns before the next one moves the prefix
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from providers.types import ChatMessage

SUMMARY_HEADING = "Summary of the conversation before the messages that follow:"
UNSEEN_IMAGE = "[an image, which this model cannot see]"
_TOLD = frozenset(("system", "user", "assistant"))  # a tool's result means nothing without its call
_PER_TURN = 4  # tokens that the chat format adds to each message


class Turn(Protocol):
    """What the assembly reads of a message."""

    @property
    def id(self) -> int:
        """0 for one that is not stored."""
        ...

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def token_count(self) -> int | None: ...
    @property
    def file_reference(self) -> str | None: ...
    @property
    def refused_by(self) -> Sequence[str] | None:
        """The providers that have refused the file."""
        ...


T = TypeVar("T", bound=Turn)


def recent(history: Sequence[T], limit: int) -> list[T]:
    """The last `limit` turns of a history, from a user's on: vendors want a user to begin."""
    last = history[max(0, len(history) - limit) :]
    return list(dropwhile(lambda turn: turn.role == "assistant", last))


def first_kept(history: Sequence[Turn], *, tokens: int | None, turns: int | None = None) -> int:
    """Where the part of a history begins that is told: at most so many tokens and turns.

    Whenever the history outgrows a limit, its oldest turns go until half of the limit is used, and
    a user's turn begins. Whether that happened at a turn depends only on the turns before it, so
    the beginning stays where it is until the next cut. A user's turn that is the newest stays.
    """
    sizes = [size_of(turn) for turn in history]
    start = used = 0
    for newest, size in enumerate(sizes):
        used += size
        if _exceeds(used, tokens) or _exceeds(newest - start + 1, turns):
            while start < newest + (history[newest].role != "user") and (
                _exceeds(2 * used, tokens)
                or _exceeds(2 * (newest - start + 1), turns)
                or history[start].role != "user"
            ):
                used -= sizes[start]
                start += 1
    return start


def size_of(turn: Turn) -> int:
    """The tokens of a turn in a prompt; where nobody counted them, a guess."""
    counted = turn.token_count
    return _PER_TURN + (len(turn.content) // 3 if counted is None else counted)


def assemble(
    system_prompt: str,
    history: Iterable[Turn],
    summary: str = "",
    *,
    images: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    passages: str = "",
    memory: str = "",
    recalled: str = "",
) -> list[ChatMessage]:
    """The messages for the vendor; turns without any content (failed answers) are left out.

    `images` are the parts that stand for files, by their references; where one is missing the model
    is told that there was an image. What was cut off the history may be told by its `summary`,
    below the system prompt, and `memory`, what is known of the user, which stays the same from turn
    to turn, between both. What is `recalled` for the question and `passages` of documents stand
    before it, in its message: what is before that stays as it was.
    """
    recap = f"{SUMMARY_HEADING}\n{summary}" if summary else ""
    above = "\n\n".join(part for part in (system_prompt, memory, recap) if part)
    system = [{"role": "system", "content": above}] if above else []
    turns = [
        {"role": turn.role, "content": _content(turn, images)}
        for turn in history
        if (turn.content or turn.file_reference) and turn.role in _TOLD
    ]
    beside = "\n\n".join(part for part in (recalled, passages) if part)
    if beside and turns:
        turns[-1] = {**turns[-1], "content": after(beside, turns[-1]["content"])}
    return [*system, *turns]


def instructed(messages: Sequence[ChatMessage], system_prompt: str) -> Sequence[ChatMessage]:
    """A whole conversation of a client's, below a system prompt, if there is one."""
    if not system_prompt:
        return messages
    return [{"role": "system", "content": system_prompt}, *messages]


def questions(messages: Iterable[ChatMessage]) -> list[str]:
    """What the user says in messages that somebody else has put together."""
    return [_text(one["content"]) for one in messages if one["role"] == "user"]


def with_passages(messages: Sequence[ChatMessage], passages: str) -> list[ChatMessage]:
    """Such messages with `passages` before the last of the user's."""
    told = list(messages)
    for place in reversed(range(len(told))):
        if told[place]["role"] == "user":
            told[place] = {**told[place], "content": after(passages, told[place]["content"])}
            break
    return told


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(part["text"] for part in content if part["type"] == "text")


def after(beside: str, content: Any) -> str | list[Any]:
    """A question's content, a text or OpenAI's parts, with what stands before it."""
    if isinstance(content, str):
        return f"{beside}\n\n{content}"
    return [{"type": "text", "text": beside}, *content]


def _content(turn: Turn, images: Mapping[str, Mapping[str, Any]]) -> str | list[Mapping[str, Any]]:
    if not turn.file_reference:
        return turn.content
    image = images.get(turn.file_reference)
    if image is None:
        return f"{turn.content}\n{UNSEEN_IMAGE}".lstrip()
    return [*([{"type": "text", "text": turn.content}] if turn.content else []), image]


def _exceeds(amount: int, limit: int | None) -> bool:
    return limit is not None and amount > limit
