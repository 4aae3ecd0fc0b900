"""LlamaIndex, with a chat that streams and a call of a tool."""

from __future__ import annotations

import os
import sys

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="google/gemini-2.5-flash",
    api_base=f"{os.environ['RINI_URL']}/v1",
    api_key=os.environ["RINI_TOKEN"],
    is_chat_model=True,
    is_function_calling_model=True,
)


def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: 맑음"


answer = llm.predict_and_call(
    [FunctionTool.from_defaults(weather)],
    "서울 날씨는?",
    allow_parallel_tool_calls=True,  # Gemini cannot be held to one call at a time
)
question = ChatMessage(role="user", content=f"{answer}. 우산이 필요해?")
for piece in llm.stream_chat([question]):
    sys.stdout.write(piece.delta or "")
sys.stdout.write("\n")
