from __future__ import annotations

import openai
import pytest

from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import ASK, alices, client_of

__all__ = ["alices"]


def test_the_models_are_those_that_the_caller_can_use(alice: User, bob: User) -> None:
    add_keys(alice)
    with client_of(alice) as client:
        names = {model.id for model in client.models.list()}
    assert {"openai/gpt-4o-mini", "openai/text-embedding-3-small", "demo/demo"} <= names
    with client_of(bob) as client:
        models = list(client.models.list())
    assert "demo/demo" in {model.id for model in models}
    assert not any(model.id.startswith("openai/") for model in models)
    assert {(m.object, m.owned_by) for m in models if m.id == "demo/demo"} == {("model", "demo")}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("text-embedding-3-small", "openai/text-embedding-3-small"),
        ("local/org/qwen3:8b", "local/org/qwen3:8b"),
    ],
)
def test_a_model_is_found_by_either_of_its_names(
    alices: openai.OpenAI, name: str, found: str
) -> None:
    assert alices.models.retrieve(name).id == found


def test_it_is_found_with_a_trailing_slash(alice: User) -> None:
    assert alice.get("/v1/models/demo/demo/").json()["id"] == "demo/demo"
    assert alice.get("/v1/models/").json()["object"] == "list"


@pytest.mark.parametrize("name", ["gpt-none", "openai/gpt-none", "nobody/x", "openai/gpt-4o-mini"])
def test_a_model_that_one_cannot_use_is_not_there(bob: User, name: str) -> None:
    with client_of(bob) as client, pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(name)
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("name", ["%00", "openai/gpt%00", "demo/%00/demo"])
def test_no_model_has_a_nul_in_its_name(alice: User, name: str) -> None:
    answer = alice.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")


def test_a_token_sees_the_models_that_it_is_for(alice: User) -> None:
    add_keys(alice)
    made = alice.post("/tokens/", json={"name": "앱", "allowed_models": ["openai/*"]})
    with client_of(alice, made.json()["token"]) as client:
        assert {model.owned_by for model in client.models.list()} == {"openai"}
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("demo/demo")


def test_nobody_sees_models_without_a_token(alice: User) -> None:
    with client_of(alice, "none") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_client_whose_base_url_lacks_its_v1_is_served_all_the_same(alice: User) -> None:
    with openai.OpenAI(base_url=str(alice.base_url), api_key=alice.token, max_retries=0) as client:
        assert "demo/demo" in [model.id for model in client.models.list()]
        assert client.models.retrieve("demo/demo").id == "demo/demo"
        answer = client.chat.completions.create(model="demo/demo", messages=ASK)
        assert answer.choices[0].message.content
