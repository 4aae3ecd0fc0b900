"""pydantic-ai, with an agent that has a tool, for each of three of Rini's APIs."""

from __future__ import annotations

import os
import sys

from anthropic import AsyncAnthropic
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

url, token = os.environ["RINI_URL"], os.environ["RINI_TOKEN"]
openai = OpenAIProvider(base_url=f"{url}/v1", api_key=token)
client = AsyncAnthropic(base_url=url, api_key=token)
models = (
    OpenAIChatModel("google/gemini-2.5-flash", provider=openai),
    OpenAIResponsesModel("openai/gpt-4o-mini", provider=openai),
    AnthropicModel(
        "anthropic/claude-sonnet-4-5", provider=AnthropicProvider(anthropic_client=client)
    ),
)
agent = Agent()


@agent.tool_plain
def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 맑음"


for model in models:
    sys.stdout.write(agent.run_sync("서울 날씨는?", model=model).output + "\n")
