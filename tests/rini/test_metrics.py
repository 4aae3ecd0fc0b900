"""/metrics adds up what all processes have counted, and says how the whole installation is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import User
from tests.conversations.conftest import eventually, generate, new_session
from tests.rini_server import RiniServer
from tests.vendors.script import Failure, Script, Tokens
from tests.vendors.stage import Stage

METRICS_TOKEN = secrets.token_urlsafe(32)
COMPLETION = {"text": "질문", "provider": "openai", "model": "gpt-4o-mini"}


def values(client: httpx.Client) -> dict[str, float]:
    """Every sample of /metrics by its name and labels, as they stand there."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = re.findall(r"^([a-z_]+(?:\{.*\})?) ([0-9.e+-]+|NaN)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in samples}


def added(before: dict[str, float], after: dict[str, float], name: str, *labels: str) -> float:
    """How much the samples of a name with these labels have grown."""

    def total(found: dict[str, float]) -> float:
        return sum(
            value
            for sample, value in found.items()
            if re.split(r"[{ ]", sample)[0] == name and all(label in sample for label in labels)
        )

    return total(after) - total(before)


def test_a_call_is_counted_with_its_tokens_and_cost(
    alice: User, client: httpx.Client, stage: Stage
) -> None:
    body = {"model_provider": "openai", "api_key_value": "sk-alice-0123456789"}
    alice.post("/api-keys/", json=body)
    before = values(client)
    stage.next(Script(pieces=["네"], usage=Tokens(input=1000, output=100)))
    cost = float(alice.post("/llm/text-completion/", json=COMPLETION).json()["cost"])
    after = values(client)
    of_model = ('provider="openai"', 'model="gpt-4o-mini"')
    assert added(before, after, "rini_tokens_total", 'direction="input"', *of_model) == 1000
    assert added(before, after, "rini_tokens_total", 'direction="output"', *of_model) == 100
    assert added(before, after, "rini_cost_dollars_total", *of_model) == pytest.approx(cost)
    assert added(before, after, "rini_vendor_calls_total", 'status="completed"', *of_model) == 1
    assert added(before, after, "rini_first_token_seconds_count", *of_model) <= 1
    route = ('route="/llm/text-completion"', 'method="POST"')
    assert added(before, after, "rini_http_requests_total", 'status="200"', *route) == 1
    assert added(before, after, "rini_http_request_seconds_count", *route) == 1


def test_failures_of_vendors_and_refusals_of_budgets_are_counted(
    alice: User, client: httpx.Client, stage: Stage
) -> None:
    body = {**COMPLETION, "provider": "local", "model": "played"}
    before = values(client)
    stage.next(Script(failure=Failure(503)))
    alice.post("/llm/text-completion/", json=body)
    token = alice.post(
        "/tokens/", json={"name": "poor", "budget": {"limit": "0.000000001", "period": "day"}}
    ).json()["token"]
    key = {"model_provider": "openai", "api_key_value": "sk-alice-0123456789"}
    alice.post("/api-keys/", json=key)
    headers = {"Authorization": f"Bearer {token}"}
    assert alice.post("/llm/text-completion/", json=COMPLETION, headers=headers).status_code == 402
    after = values(client)
    errors = ('provider="local"', 'vendor_status="503"')
    assert added(before, after, "rini_vendor_errors_total", *errors) == 1
    assert added(before, after, "rini_budget_refusals_total", 'scope="token"') == 1


def test_what_is_under_way_is_told(alice: User, client: httpx.Client, stage: Stage) -> None:
    stage.next(Script(hangs=True))
    begun = generate(alice, new_session(alice))
    stage.wait_for_call()
    found = values(client)
    assert (found["rini_generations_running"], found["rini_holds"]) == (1, 1)
    assert found['rini_queue_length{queue="celery"}'] >= 0
    assert found["rini_processes"] >= 1
    alice.post(f"/generations/{begun['id']}/stop")
    eventually(lambda: values(client)["rini_generations_running"] == 0)


def test_any_process_tells_what_all_have_counted(
    client: httpx.Client, start_server: Callable[..., RiniServer]
) -> None:
    other = start_server()
    before = values(client)
    for _ in range(3):
        httpx.get(f"{other.url}/llm/models")
    route = ("rini_http_requests_total", 'route="/llm/models"')
    assert eventually(lambda: added(before, values(client), *route) == 3)


def test_strangers_choose_no_labels(client: httpx.Client) -> None:
    client.get("/나-만의-주소-zq9x7")
    client.request("BREW", "/livez")
    body = {"model": "my-own-label-zq9x7", "messages": [{"role": "user", "content": "hi"}]}
    client.post("/v1/chat/completions", json=body)
    assert "zq9x7" not in client.get("/metrics").text
    assert "BREW" not in client.get("/metrics").text


def test_from_elsewhere_metrics_take_a_token(
    start_server: Callable[..., RiniServer], client: httpx.Client
) -> None:
    """Who comes through a proxy is not from here, wherever the proxy stands."""
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert client.get("/metrics", headers=forwarded).status_code == 401
    with_token = start_server(METRICS_TOKEN=METRICS_TOKEN)
    for given, status in ((METRICS_TOKEN, 200), (METRICS_TOKEN[:-1], 401), ("x", 401)):
        headers = {**forwarded, "Authorization": f"Bearer {given}"}
        assert httpx.get(f"{with_token.url}/metrics", headers=headers).status_code == status
    is_open = start_server(METRICS_OPEN="true")
    assert httpx.get(f"{is_open.url}/metrics", headers=forwarded).status_code == 200
