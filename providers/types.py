"""What passes between Rini and a model: requests, answers and events, without any library.

Rini speaks OpenAI's chat format inside. A message is the dict that OpenAI's API documents
(``{"role", "content", "tool_calls"?, "tool_call_id"?, "name"?}``), and a wire answers with
OpenAI's ``chat.completion`` and ``chat.completion.chunk`` objects as dicts, whatever the vendor
behind it says. So nothing that a client sends is lost on the way to a vendor of that format, and
nothing of the answer is lost on the way back. The rest of Rini reads the events below, which
`providers.events` makes of the chunks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from billing.usage import Usage
from rini.secrets.secret import Secret

ChatMessage = Mapping[str, Any]
Chunk = dict[str, Any]
"""A ``chat.completion.chunk``: ``{"choices": [{"index", "delta", "finish_reason"}], "usage"?}``."""
Completion = dict[str, Any]
"""One ``chat.completion``: ``{"choices": [{"message", "finish_reason"}], "usage", "model"}``."""
Embeddings = dict[str, Any]
"""OpenAI's list of embeddings: ``{"data": [{"embedding", "index"}], "model", "usage"?}``."""
THINKING_BLOCKS = "thinking_blocks"
"""The field of a message or a delta with what Claude thought, as Anthropic's own blocks with their
signatures: ``[{"type": "thinking", "thinking": "…", "signature": "…"}]``. Claude wants them back
unchanged with the calls of tools that they led to. OpenAI's format has no field for it; clients
that keep Claude's thinking in it know this one from litellm. In a delta each has an ``index``, by
which OpenAI's clients put lists together."""
EXTRA_CONTENT = "extra_content"
"""The field of a message, a delta or a tool call that holds what its vendor wants back with it in
the next turn, unread and by the vendor's name: ``{"google": {"thought_signature": "…"}}``. It is
where Google's own endpoint for OpenAI's clients has it, so that clients know to keep it."""
RAW = "raw"
"""The field of a chunk with the vendor's own event that it was made of, as bytes of JSON; only
where an answer is passed on in its vendor's format (`providers.messages`)."""
EmbeddingInput = str | Sequence[int]
"""A text, or one as token ids, which only vendors of OpenAI's format take."""
InputType = Literal["query", "passage"]
"""What a text to embed is: something to search with, or something to be found."""
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "incomplete"]
"""``incomplete``: the stream ended without the vendor's own end marker, or with no good one."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: everything that a wire needs to know of a provider."""

    provider: str
    wire: str
    model: str
    """The model's name as the vendor knows it, without ``provider/``."""
    base_url: str
    api_key: Secret | None = None
    litellm_prefix: str = ""
    """litellm's own name for the provider (``gemini`` for google); only its wire reads it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    max_output_tokens: int | None = None
    """The most that the model can answer; None: nobody said."""
    context_window: int | None = None
    """The most tokens that the model can read and write together; None: nobody said."""
    is_billed: bool = False
    """Its answers cost something."""
    priced_tiers: frozenset[str] = frozenset()
    """The service tiers beside the standard one that have a price of their own."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion to ask for. `params` goes to the vendor as it is (``temperature``, …).

    `usual` is what Rini sends where `params` says nothing and the model takes it.
    """

    messages: Sequence[ChatMessage]
    params: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; `id` and `name` come with the first, `arguments` is JSON text."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Keepsake:
    """What the vendor wants back with the answer in the next turn, unread: the fields of its
    message (`THINKING_BLOCKS`, `EXTRA_CONTENT`), or of the call at `call`."""

    fields: Mapping[str, Any]
    call: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream that did not raise, exactly once."""

    reason: FinishReason
    usage: Usage
    model: str | None = None
    """The model as the vendor answered it, if it did."""
    service_tier: str = ""
    """How the vendor served the call, as ``flex``; empty where it did not say."""


Event = TextDelta | ReasoningDelta | ToolCallDelta | Keepsake | Finished


class Wire(Protocol):
    """A way to talk to vendors. Every method raises `providers.errors.ProviderError` and nothing
    else for what goes wrong outside Rini; cancelling the task closes the vendor's connection."""

    def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The vendor's answer, chunk by chunk. A chunk with a ``finish_reason`` comes only if the
        vendor itself said that it was done: a stream that was cut off after its first chunk ends
        without one (before it: ProviderUnavailable). A vendor that goes silent, or reports an
        error midway, raises. ``usage`` may stand in several chunks, the last one counts."""
        ...

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        """The vendor's whole answer."""
        ...

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """The vectors of `inputs`, in their order. `params` goes to the vendor as it is."""
        ...

    async def verify(self, target: Target) -> None:
        """Ask something that costs nothing (the list of models) and return if the key is good."""
        ...

    async def close(self) -> None:
        """Give up the connections that this event loop holds open."""
        ...
