"""The vendors that Rini knows: one row each, with all that is known of one. Pure.

What an operator may change of a vendor becomes a row of `providers.models.Provider`; the rest is
read here by its slug. A provider that an operator adds has no row here: `vendor` gives it the usual
values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

WireName = Literal["openai", "anthropic", "gemini", "litellm", "demo", "offline"]


@dataclass(frozen=True, slots=True)
class Vendor:
    """What is known of one vendor; empty where there is nothing to know."""

    slug: str
    """Its name in the API and in model names: ``openai/gpt-4.1``."""
    name: str = ""
    wire: WireName = "openai"
    address: str = ""
    """Where it is, unless the operator says otherwise."""
    further_key_variable: str = ""
    """Another variable for the operator's key, beside ``<SLUG>_API_KEY``."""
    needs_key: bool = True
    any_model: bool = False
    """It takes models that no table lists."""
    is_free: bool = False
    """Whatever its models are named, they cost nothing."""
    litellm_prefix: str = ""
    """What litellm's functions call it, where they are used."""
    litellm_table: str = ""
    """What litellm's table of models and prices calls it; empty: the table is not read."""
    genai_prices: str = ""
    """What the package genai-prices calls it; empty: by its slug."""
    priced_whole: bool = False
    """Every model that genai-prices lists gets its price, not only those of the catalogue."""
    inputs_per_embedding_call: int = 2048
    query_params: tuple[tuple[str, str], ...] = ()
    """The parameter's value for texts to search with …"""
    passage_params: tuple[tuple[str, str], ...] = ()
    """… and that they will be searched; empty: it does not distinguish the two."""
    vision_model: str = ""
    """The model that looks at an image where a caller names none: good enough and inexpensive."""
    embedding_model: str = ""
    """The same for texts to embed."""
    model_names: str = ""
    """A pattern that the names of its models begin with, whoever serves them."""
    output_limits: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    """The names that it knows for the most tokens of an answer, the best first; one that it does
    not know limits nothing."""
    free_check: str = "/models"
    """What is asked of one of OpenAI's format to see whether a key is good, without cost; empty:
    nothing is for free, at vendors of other formats neither."""


VENDORS = (
    Vendor(
        "openai",
        "OpenAI",
        address="https://api.openai.com/v1",
        litellm_table="openai",
        output_limits=("max_completion_tokens", "max_tokens"),  # reasoning models refuse the second
        vision_model="gpt-4.1-mini",
        embedding_model="text-embedding-3-small",
        model_names=r"gpt|chatgpt|o\d",
    ),
    Vendor(
        "anthropic",
        "Anthropic",
        wire="anthropic",
        address="https://api.anthropic.com",
        litellm_table="anthropic",
        vision_model="claude-haiku-4-5",
        model_names=r"claude",
    ),
    Vendor(
        "google",
        "Google",
        wire="gemini",
        address="https://generativelanguage.googleapis.com/v1beta",
        further_key_variable="GEMINI_API_KEY",
        litellm_table="gemini",
        inputs_per_embedding_call=100,
        query_params=(("task_type", "RETRIEVAL_QUERY"),),
        passage_params=(("task_type", "RETRIEVAL_DOCUMENT"),),
        vision_model="gemini-2.5-flash",
        embedding_model="gemini-embedding-001",
        model_names=r"gemini|gemma",
    ),
    Vendor(
        "zhipu",
        "Zhipu",
        address="https://open.bigmodel.cn/api/paas/v4",
        litellm_table="zai",
        genai_prices="zai",
        inputs_per_embedding_call=64,
        vision_model="glm-4v-plus",
        embedding_model="embedding-3",
        output_limits=("max_tokens",),
        model_names=r"glm",
    ),
    Vendor(
        "deepseek",
        "DeepSeek",
        address="https://api.deepseek.com/v1",
        litellm_table="deepseek",
        output_limits=("max_tokens",),
        model_names=r"deepseek",
    ),
    Vendor("groq", "Groq", address="https://api.groq.com/openai/v1", litellm_table="groq"),
    Vendor(
        "mistral",
        "Mistral",
        address="https://api.mistral.ai/v1",
        litellm_table="mistral",
        inputs_per_embedding_call=256,
        embedding_model="mistral-embed",
        model_names=r"mistral|ministral|magistral|codestral|devstral|pixtral|open-mi[sx]tral",
    ),
    Vendor(
        "openrouter",
        "OpenRouter",
        address="https://openrouter.ai/api/v1",
        any_model=True,
        priced_whole=True,
        free_check="/key",  # its list of models answers without a key
    ),
    Vendor(
        "azure",  # each customer has an address: https://….openai.azure.com/openai/v1
        "Azure OpenAI",
        any_model=True,  # customers name their deployments
        priced_whole=True,
        output_limits=("max_completion_tokens", "max_tokens"),
    ),
    Vendor(
        "bedrock",  # and each region: https://bedrock-runtime.us-east-1.amazonaws.com
        "Amazon Bedrock",
        wire="litellm",
        any_model=True,
        litellm_prefix="bedrock",
        genai_prices="aws",
        priced_whole=True,
        free_check="",
    ),
    Vendor(
        "vertex",
        "Google Vertex AI",
        wire="gemini",
        address="https://aiplatform.googleapis.com/v1/publishers/google",
        any_model=True,
        genai_prices="google",
        priced_whole=True,
        free_check="",
    ),
    Vendor(
        "cohere",
        "Cohere",
        address="https://api.cohere.ai/compatibility/v1",
        litellm_table="cohere_chat",
        output_limits=("max_tokens",),
        model_names=r"command|c4ai",
        free_check="",
    ),
    Vendor(
        "xai",
        "xAI",
        address="https://api.x.ai/v1",
        litellm_table="xai",
        genai_prices="x-ai",
        model_names=r"grok",
    ),
    Vendor(
        "together",
        "Together",
        address="https://api.together.xyz/v1",
        any_model=True,
        priced_whole=True,
        output_limits=("max_tokens",),
    ),
    Vendor(
        "fireworks",
        "Fireworks",
        address="https://api.fireworks.ai/inference/v1",
        any_model=True,
    ),
    Vendor(
        "perplexity",
        "Perplexity",
        address="https://api.perplexity.ai",
        any_model=True,
        output_limits=("max_tokens",),
        free_check="",
    ),
    Vendor(
        "ollama",
        "Ollama",
        address="http://127.0.0.1:11434/v1",
        needs_key=False,
        any_model=True,
        is_free=True,
    ),
    Vendor("local", "Local server", needs_key=False, any_model=True, is_free=True),
    Vendor("demo", "Demo", wire="demo", needs_key=False, is_free=True),
    Vendor(
        "offline",
        "Offline",
        wire="offline",
        needs_key=False,
        is_free=True,
        embedding_model="multilingual-e5-small",
        query_params=(("input_type", "query"),),
        passage_params=(("input_type", "passage"),),
    ),
)
_BY_SLUG = {vendor.slug: vendor for vendor in VENDORS}
_NAMES = [
    (vendor.slug, re.compile(rf"(?:{vendor.model_names})(?![a-z])", re.IGNORECASE))
    for vendor in VENDORS
    if vendor.model_names
]
_FINE_TUNED = "ft:"
"""OpenAI and Mistral put it before the name of what was tuned."""
FURTHER_KEY_VARIABLES = {
    vendor.further_key_variable: vendor.slug for vendor in VENDORS if vendor.further_key_variable
}
"""The vendor of each variable that is not named after it."""


def vendor(slug: str) -> Vendor:
    """What is known of a provider; of one that an operator has added, the usual values."""
    return _BY_SLUG.get(slug) or Vendor(slug)


def vendor_of_model(model: str) -> str | None:
    """The slug of the vendor whose model a bare name is; None: anybody may have it."""
    if "/" in model:
        return None
    name = model.removeprefix(_FINE_TUNED)
    return next((slug for slug, names in _NAMES if names.match(name)), None)
