"""Every vendor that does not speak OpenAI's format, through litellm; nothing else imports it.

litellm is loaded with the first call, off the event loop: that takes seconds and 170 MB. It says
``stop`` for a stream that was cut off and estimates usage that the vendor did not send; what
leaves here has neither.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from typing import Any

from providers.errors import ProviderError, ProviderFailed, ProviderRefused
from providers.refusals import no_free_check
from providers.types import ChatRequest, Chunk, Completion, EmbeddingInput, Embeddings, Target
from providers.vendors import vendor
from providers.wires.http import VendorClient
from providers.wires.litellm_failures import is_broken_connection, provider_error
from providers.wires.litellm_reading import Reading, with_true_usage
from rini.translation import gettext as _

# fmt: off
CHAT_PARAMS = frozenset(
    (
        "audio", "frequency_penalty", "function_call", "functions", "logit_bias",
        "logprobs", "max_completion_tokens", "max_tokens", "modalities", "n",
        "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
        "prompt_cache_retention", "reasoning_effort", "response_format",
        "safety_identifier", "seed", "service_tier", "stop", "temperature", "tool_choice",
        "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
        "cache_control", "cached_content", "media_resolution", "random_seed", "safe_prompt",
        "safety_settings", "thinking", "top_k"
    )
)
# fmt: on
"""OpenAI's, and what vendors document beyond them. Only these are passed on: litellm reads hundreds
of its own from the same place, addresses, keys and faked answers among them."""
EMBEDDING_PARAMS = frozenset(("dimensions", "input_type", "task_type", "title", "user"))
_NO_MCP = {"_skip_mcp_handler": True}
"""Else litellm itself would call MCP servers that a client names among its ``tools``."""
_IGNORED = frozenset(("stream", "stream_options", "encoding_format"))
_FREE_CHECKS = {
    "anthropic": ("https://api.anthropic.com", "/v1/models", "x-api-key"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta", "/models", "x-goog-api-key"),
}
_Arrived = asyncio.Queue[Chunk | ProviderError | None]
_module: Any = None
_loading = threading.Lock()


class LiteLLMWire:
    """`providers.types.Wire` for the vendors that litellm knows by `Target.litellm_prefix`.

    `timeout`: seconds of silence after which a vendor is given up.
    """

    def __init__(self, *, timeout: float = 300, client: VendorClient | None = None) -> None:
        self._timeout = timeout
        self._client = client or VendorClient()

    async def stream(self, target: Target, request: ChatRequest) -> AsyncGenerator[Chunk]:
        # A task of its own reads, because cancelling a task is what closes the vendor's
        # connection at once for every vendor; it never waits for its reader, so that the
        # cancellation always meets it in litellm.
        call = self._call(target, request.params, CHAT_PARAMS)
        arrived: _Arrived = asyncio.Queue()
        reader = asyncio.create_task(_read(target, request, call, arrived))
        reader.add_done_callback(lambda _: arrived.put_nowait(None))
        try:
            while (item := await arrived.get()) is not None:
                if isinstance(item, ProviderError):
                    raise item
                yield item
        finally:
            reader.cancel()
            await asyncio.wait([reader], timeout=1)

    async def complete(self, target: Target, request: ChatRequest) -> Completion:
        call = self._call(target, request.params, CHAT_PARAMS)
        litellm = await _litellm()
        asking = litellm.acompletion(messages=list(request.messages), **_NO_MCP, **call)
        return with_true_usage(await _answer(asking, target), target)

    async def embed(
        self, target: Target, inputs: Sequence[EmbeddingInput], params: Mapping[str, Any]
    ) -> Embeddings:
        """``encoding_format`` is not passed on: the vectors are lists of numbers."""
        if not all(isinstance(text, str) for text in inputs):
            raise ProviderRefused(
                _("%(provider)s embeds texts only, not arrays of tokens.")
                % {"provider": target.provider}
            )
        call = self._call(target, params, EMBEDDING_PARAMS)
        litellm = await _litellm()
        embeddings = await _answer(litellm.aembedding(input=list(inputs), **call), target)
        if target.litellm_prefix == "gemini":
            embeddings.pop("usage", None)  # Gemini counts no tokens here: it is an estimate
        return embeddings

    async def verify(self, target: Target) -> None:
        """Anthropic's and Gemini's list of models, and ``GET {base_url}/models`` elsewhere."""
        default, path, key_header = _FREE_CHECKS.get(
            target.litellm_prefix, ("", "/models", "Authorization")
        )
        base_url = target.base_url or default
        if not base_url or not vendor(target.provider).free_check:
            raise no_free_check(target.provider)
        key = target.api_key.reveal() if target.api_key else ""
        if key_header == "Authorization":
            key = f"Bearer {key}"
        headers = {key_header: key, "anthropic-version": "2023-06-01"}
        url = f"{base_url.rstrip('/')}{path}"
        (await self._client.send("GET", url, target, headers=headers)).close()

    async def close(self) -> None:
        await self._client.close()
        if _module is not None:
            await _module.close_litellm_async_clients()

    def _call(
        self, target: Target, params: Mapping[str, Any], known: frozenset[str]
    ) -> dict[str, Any]:
        """litellm's arguments. Without a key it would take one from the environment."""
        unknown = sorted(params.keys() - known - _IGNORED)
        if unknown:
            raise ProviderRefused(
                _("%(provider)s takes no parameter %(names)s.")
                % {"provider": target.provider, "names": ", ".join(unknown)}
            )
        return {
            **{name: value for name, value in params.items() if name in known},
            "model": f"{target.litellm_prefix or target.provider}/{target.model}",
            "api_base": target.base_url or None,
            "api_key": target.api_key.reveal() if target.api_key else "none",
            "timeout": self._timeout,
            "num_retries": 0,
            "max_retries": 0,
        }


async def _read(
    target: Target, request: ChatRequest, call: Mapping[str, Any], arrived: _Arrived
) -> None:
    """Put the chunks of a stream into `arrived`, and its failure if it fails."""
    reading = Reading(target)
    end: ProviderError | None = None
    try:
        litellm = await _litellm()
        # litellm's own timeout does not reach into a stream of Gemini's.
        async with asyncio.timeout(call["timeout"]) as silence:
            stream = await litellm.acompletion(
                messages=list(request.messages),
                stream=True,
                stream_options={"include_usage": True},
                **_NO_MCP,
                **call,
            )
            async for chunk in reading.chunks(stream):
                silence.reschedule(asyncio.get_running_loop().time() + call["timeout"])
                arrived.put_nowait(chunk)
    except Exception as error:  # litellm raises its own, its vendors' and built-in ones
        if not (reading.began and is_broken_connection(error)):
            end = provider_error(error, target)
    if end is None and not reading.began:
        end = ProviderFailed(
            _("%(provider)s answered with nothing meaningful. Check its base URL.")
            % {"provider": target.provider}
        )
    if end is not None:
        arrived.put_nowait(end)


async def _answer(asking: Awaitable[Any], target: Target) -> dict[str, Any]:
    try:
        answer = await asking
    except Exception as error:  # litellm raises its own, its vendors' and built-in ones
        failure = provider_error(error, target)
    else:
        return dict(answer.model_dump(exclude_none=True))
    raise failure  # out here, without litellm's exceptions as its context: keys stand in them


async def _litellm() -> Any:
    return _module or await asyncio.to_thread(load)


def load() -> Any:
    """litellm, which is imported once in a process; whoever comes meanwhile waits."""
    global _module  # noqa: PLW0603  a module is loaded once in a process
    with _loading:
        _module = _module or _loaded()
    return _module


def _loaded() -> Any:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # no download at import
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"  # nor with a call
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # no .env of the working folder
    os.environ["MAX_IMAGE_URL_DOWNLOAD_SIZE_MB"] = "0"  # no calls to addresses in messages
    import litellm
    from litellm.litellm_core_utils.streaming_handler import CustomStreamWrapper

    # It sets context variables, for logs that are off. A finalizer runs wherever garbage happens to
    # be collected, and in the middle of another `ContextVar.set` that kills the process: CPython
    # before 3.12 frees what it is reading (https://github.com/python/cpython/issues/148891).
    if "__del__" in vars(CustomStreamWrapper):
        del CustomStreamWrapper.__del__

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # its messages quote requests
    gc.collect()
    gc.freeze()  # its 170 MB make every later full collection stop the process for 0.2 s
    return litellm
