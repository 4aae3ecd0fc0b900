from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from accounts.models import User as Account
from providers import keys
from providers.models import Provider
from rini.secrets.secret import Secret
from tests.conftest import User

WITHOUT_A_KEY = {"demo", "offline", "local"}
FIELDS = {
    *("id", "provider", "kind", "context_window", "max_output_tokens", "dimensions"),
    *("vision", "tools", "prices"),
}


def models(caller: httpx.Client, **headers: str) -> dict[str, dict[str, Any]]:
    answer = caller.get("/llm/models", headers=headers)
    assert answer.status_code == 200, answer.text
    return {row["id"]: row for row in answer.json()}


def add_key(owner: httpx.Client, provider: str) -> str:
    body = {"model_provider": provider, "api_key_value": "sk-0123456789"}
    made: str = owner.post("/api-keys/", json=body).json()["id"]
    return made


def test_without_a_key_there_are_the_demo_the_offline_models_and_those_of_ones_own_server(
    alice: User,
) -> None:
    found = models(alice)
    assert {row["provider"] for row in found.values()} == WITHOUT_A_KEY
    demo = found["demo/demo"]
    assert set(demo) == FIELDS
    assert (demo["id"], demo["provider"], demo["kind"]) == ("demo/demo", "demo", "chat")
    assert demo["prices"]["input"] == demo["prices"]["output"] == "0.000000000"


def test_a_key_opens_its_provider_s_models_for_its_owner(alice: User, bob: User) -> None:
    key = add_key(alice, "openai")
    assert {row["provider"] for row in models(alice).values()} == {"openai", *WITHOUT_A_KEY}
    assert {row["provider"] for row in models(bob).values()} == WITHOUT_A_KEY
    alice.delete(f"/api-keys/{key}")
    assert {row["provider"] for row in models(alice).values()} == WITHOUT_A_KEY


def test_a_conversation_s_key_opens_no_models_beyond_it(alice: User) -> None:
    keys.store(
        Account.objects.get(pk=alice.user_id),
        Provider.objects.get(pk="openai"),
        Secret("sk-0123456789"),
        session_id=uuid4(),
    )
    assert {row["provider"] for row in models(alice).values()} == WITHOUT_A_KEY


def test_prices_are_dollars_per_million_tokens_with_nine_places(alice: User) -> None:
    add_key(alice, "openai")
    add_key(alice, "google")
    add_key(alice, "zhipu")
    found = models(alice)
    assert found["openai/gpt-4o-mini"]["prices"] == {
        "input": "0.150000000",
        "cached_input": "0.075000000",
        "cache_write": None,
        "output": "0.600000000",
        "tiers": [],
    }
    (tier,) = found["google/gemini-2.5-pro"]["prices"]["tiers"]
    assert tier["above_input_tokens"] == 200_000
    assert tier["output"] == "15.000000000"
    assert found["zhipu/glm-4-plus"]["prices"] is None
    embedding = found["openai/text-embedding-3-small"]
    assert (embedding["kind"], embedding["dimensions"]) == ("embedding", 1536)


@pytest.mark.parametrize("address", ["/llm/models", "/llm/models/"])
def test_a_token_shows_its_models_alone(alice: User, address: str) -> None:
    add_key(alice, "openai")
    body = {"name": "t", "allowed_models": ["openai/gpt-4o"]}
    token = alice.post("/tokens/", json=body).json()["token"]
    shown = alice.get(address, headers={"Authorization": f"Bearer {token}"}).json()
    assert [row["id"] for row in shown] == ["openai/gpt-4o"]


def test_the_list_needs_a_token(client: httpx.Client) -> None:
    assert client.get("/llm/models").status_code == 401
