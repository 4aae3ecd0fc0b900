"""What clients send is for the vendor's body; it never moves a call, a key or a bill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import User
from tests.conversations.conftest import PROVIDER_KEY, add_keys
from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, GPT
from tests.vendors.stage import Call, Stage

MODELS = [GPT, CLAUDE, GEMINI]
OTHER_KEY = "sk-somebody-elses-key-123456"
EVERYWHERE: dict[str, Any] = {
    "api_base": "{url}/openai/v1",
    "base_url": "{url}/openai/v1",
    "api_key": OTHER_KEY,
    "api_version": "2020-01-01",
    "api_type": "azure",
    "organization": "org-x",
    "extra_headers": {"X-Steal": "1", "Authorization": f"Bearer {OTHER_KEY}"},
    "headers": {"X-Steal": "1"},
    "extra_query": {"steal": "1"},
    "extra_body": {"api_base": "{url}/openai/v1"},
    "mock_response": "거짓 답",
    "mock_tool_calls": [],
    "mock_timeout": True,
    "custom_llm_provider": "openai",
    "fallbacks": [{"model": "openai/x", "api_base": "{url}/openai/v1", "api_key": "k"}],
    "context_window_fallback_dict": {"claude-sonnet-4-5": "openai/x"},
    "model_list": [
        {"model_name": "x", "litellm_params": {"model": "openai/x", "api_base": "{url}/openai/v1"}}
    ],
    "metadata": {"user_api_key": "x", "model_group": "y"},
    "litellm_metadata": {"a": "b"},
    "num_retries": 5,
    "max_retries": 5,
    "timeout": 0.001,
    "request_timeout": 0.001,
    "stream_timeout": 0.001,
    "callbacks": ["{url}/openai/v1"],
    "success_callback": ["webhook"],
    "logger_fn": "print",
    "proxy": "{url}",
    "proxies": {"http": "{url}"},
    "http_client": "{url}",
    "client": "{url}",
    "ssl_verify": False,
    "use_litellm_proxy": True,
    "litellm_credential_name": "x",
    "deployment_id": "x",
    "azure_ad_token": "x",
    "drop_params": True,
    "additional_drop_params": ["messages"],
    "allowed_openai_params": ["seed"],
    "caching": True,
    "no-log": True,
    "input_cost_per_token": 0,
    "base_model": "gpt-4",
    "model_info": {"id": "x"},
    "hf_model_name": "x",
    "vertex_credentials": "{url}",
    "aws_bedrock_runtime_endpoint": "{url}",
    "tools": [
        {
            "type": "mcp",
            "server_label": "x",
            "server_url": "litellm_proxy/mcp/x",
            "require_approval": "never",
        }
    ],
    "web_search_options": {"search_context_size": "low", "api_base": "{url}"},
}


@pytest.fixture
def elsewhere() -> Iterator[Stage]:
    """A second listener, whose address clients send."""
    with Stage() as stage:
        yield stage


def filled(value: Any, url: str) -> Any:
    if isinstance(value, str):
        return value.replace("{url}", url)
    if isinstance(value, list):
        return [filled(item, url) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, url) for name, item in value.items()}
    return value


def check(answer: httpx.Response, calls: list[Call], elsewhere: Stage) -> None:
    """Either the vendor was asked, once and with the right key, or nobody was."""
    assert answer.status_code in {200, 400}, answer.text
    assert elsewhere.calls == []
    assert "거짓 답" not in answer.text
    assert PROVIDER_KEY not in answer.text
    assert len(calls) <= 1
    assert len(calls) == 1 or answer.status_code == 400
    for call in calls:
        assert call.key == PROVIDER_KEY
        assert "x-steal" not in call.headers
        assert PROVIDER_KEY not in str(call.body)
        assert "steal" not in call.path


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_no_parameter_is_an_option_of_rinis_own_libraries(
    alice: User, stage: Stage, elsewhere: Stage, model: str, stream: bool
) -> None:
    add_keys(alice)
    for name, value in EVERYWHERE.items():
        stage.clear()
        body = {"model": model, "messages": ASK, "stream": stream}
        body[name] = filled(value, elsewhere.url)
        answer = alice.post("/v1/chat/completions", json=body)
        check(answer, list(stage.calls), elsewhere)


@pytest.mark.parametrize("model", MODELS)
def test_nor_is_one_of_the_native_api(
    alice: User, stage: Stage, elsewhere: Stage, model: str
) -> None:
    add_keys(alice)
    for name, value in EVERYWHERE.items():
        stage.clear()
        params = {name: filled(value, elsewhere.url)}
        body = {"model": model, "messages": ASK, "llm_params": params}
        check(alice.post("/llm/chat-completions/", json=body), list(stage.calls), elsewhere)


@pytest.mark.parametrize("model", ["openai/text-embedding-3-small", "google/gemini-embedding-001"])
def test_nor_is_one_of_embeddings(alice: User, stage: Stage, elsewhere: Stage, model: str) -> None:
    add_keys(alice)
    for name, value in EVERYWHERE.items():
        stage.clear()
        body = {"model": model, "input": "고양이", name: filled(value, elsewhere.url)}
        check(alice.post("/v1/embeddings", json=body), list(stage.calls), elsewhere)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["image_url", "file", "input_audio", "video_url"])
def test_rini_fetches_no_address_that_stands_in_a_message(
    alice: User, stage: Stage, elsewhere: Stage, model: str, kind: str
) -> None:
    add_keys(alice)
    url = f"{elsewhere.url}/openai/secret.png"
    part = {
        "image_url": {"url": url},
        "file": {"file_id": url, "filename": "a.pdf", "format": "application/pdf"},
        "input_audio": {"data": url, "format": "wav"},
        "video_url": {"url": url},
    }[kind]
    messages = [{"role": "user", "content": [{"type": kind, kind: part}]}]
    answer = alice.post("/v1/chat/completions", json={"model": model, "messages": messages})
    assert answer.status_code in {200, 400, 502}, answer.text
    assert elsewhere.calls == []
