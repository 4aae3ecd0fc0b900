"""The models of servers of one's own: listed everywhere, and found by their bare names."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import User
from tests.rini_server import RiniServer, free_port
from tests.vendors.script import Script
from tests.vendors.stage import Stage

LISTED = ["qwen3:8b", "llama3.2:latest", "nomic-embed-text:latest", "모델-하나"]


@pytest.fixture
def own(start_server: Callable[..., RiniServer], alice: User, stage: Stage) -> httpx.Client:
    """Alice at a server whose Ollama lists some models, besides a local server that is away."""
    answer = json.dumps({"object": "list", "data": [{"id": name} for name in LISTED]}).encode()
    stage.always(Script(raw=answer, content_type="application/json"), key="sk-of-the-ollama")
    server = start_server(
        OLLAMA_BASE_URL=stage.openai_url,
        OLLAMA_API_KEY="sk-of-the-ollama",
        LLM_SERVER_URL=f"http://127.0.0.1:{free_port()}",
    )
    return User(server, alice.account)


def test_what_a_server_of_ones_own_lists_is_in_every_list(own: httpx.Client) -> None:
    names = {f"ollama/{name}" for name in LISTED}
    chat = names - {"ollama/nomic-embed-text:latest"}
    assert names <= {model["id"] for model in own.get("/v1/models").json()["data"]}
    assert chat <= {model["id"] for model in own.get("/models").json()["models"]}
    rows = {model["id"]: model["kind"] for model in own.get("/llm/models").json()}
    assert names <= rows.keys()
    assert rows["ollama/nomic-embed-text:latest"] == "embedding"


@pytest.mark.parametrize(
    ("asked", "told"),
    [("qwen3:8b", "qwen3:8b"), ("llama3.2", "llama3.2:latest"), ("모델-하나", "모델-하나")],
)
def test_a_bare_name_is_that_servers_model(
    own: httpx.Client, stage: Stage, asked: str, told: str
) -> None:
    own.get("/v1/models")
    stage.clear()
    body = {"model": asked, "messages": [{"role": "user", "content": "안녕"}]}
    answer = own.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert stage.wait_for_call(model=told).key == "sk-of-the-ollama"


def test_a_key_that_comes_with_a_bare_name_does_not_go_to_that_server(own: httpx.Client) -> None:
    own.get("/v1/models")
    body = {"title": "대화", "model": "모델-하나", "api_key": "sk-of-somebody-1234"}
    answer = own.post("/api/conversations/create", json=body)
    assert answer.status_code == 400, answer.text


def test_a_server_that_is_away_makes_no_list_slow(own: httpx.Client) -> None:
    own.get("/v1/models")
    began = time.monotonic()
    for _ in range(5):
        assert own.get("/v1/models").status_code == 200
    assert time.monotonic() - began < 5


def test_a_name_that_nobody_has_is_not_found(own: httpx.Client) -> None:
    body = {"model": "nobody-has-this", "messages": [{"role": "user", "content": "?"}]}
    assert own.post("/v1/chat/completions", json=body).status_code == 404
