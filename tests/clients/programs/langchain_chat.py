"""LangChain, with a model by OpenAI's API and one by Anthropic's; both call a tool."""

from __future__ import annotations

import os
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

url, token = os.environ["RINI_URL"], os.environ["RINI_TOKEN"]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 맑음"


for chat in (
    ChatOpenAI(model="google/gemini-2.5-flash", base_url=f"{url}/v1", api_key=token),
    ChatAnthropic(model="anthropic/claude-sonnet-4-5", base_url=url, api_key=token),
):
    model = chat.bind_tools([weather])
    said = [HumanMessage("서울 날씨는?")]
    said.append(model.invoke(said))
    said += [weather.invoke(call) for call in said[-1].tool_calls]
    for chunk in model.stream(said):
        sys.stdout.write(chunk.text)
    sys.stdout.write("\n")
