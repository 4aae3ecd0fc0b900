from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from accounts.models import ApiToken, FormerSecret
from accounts.tokens import allows

FIELDS = {
    "id",
    "name",
    "prefix",
    "allowed_models",
    "budget",
    "requests_per_minute",
    "tokens_per_minute",
    "created_at",
    "expires_at",
    "last_used_at",
    "former_valid_until",
}


def create(owner: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = owner.post("/tokens/", json={"name": "노트북", **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def status_with(client: httpx.Client, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return client.get("/users/me", headers=headers).status_code


def test_a_new_token_shows_its_secret_once_and_works(
    client: httpx.Client, alice: httpx.Client
) -> None:
    made = create(alice)
    assert made.keys() == FIELDS | {"token"}
    assert re.fullmatch(r"rini-[A-Za-z0-9_-]{43}", made["token"])
    assert made["token"].startswith(made["prefix"])
    assert made["allowed_models"] is None
    assert status_with(client, made["token"]) == 200
    assert alice.get(f"/tokens/{made['id']}").json().keys() == FIELDS
    assert made["token"] not in alice.get("/tokens/").text


def test_only_the_digest_is_in_the_table(alice: httpx.Client) -> None:
    secret = create(alice)["token"]
    row = ApiToken.objects.get()
    assert bytes(row.digest) == hashlib.sha256(secret.encode()).digest()
    assert secret[15:] not in str(vars(row))


@pytest.mark.parametrize("slash", ["", "/"])
def test_both_forms_of_an_address_answer(alice: httpx.Client, slash: str) -> None:
    made = alice.post(f"/tokens{slash}", json={"name": "휴대폰"})
    assert made.status_code == 201
    one = f"/tokens/{made.json()['id']}"
    assert alice.get(f"/tokens{slash}").status_code == 200
    assert alice.get(f"{one}{slash}").status_code == 200
    assert alice.patch(f"{one}{slash}", json={}).status_code == 200
    assert alice.post(f"{one}/rotate{slash}").status_code == 200
    assert alice.delete(f"{one}{slash}").status_code == 204


def test_lists_are_newest_first_ten_at_a_time(alice: httpx.Client, bob: httpx.Client) -> None:
    for number in range(12):
        create(alice, name=f"토큰 {number}")
    create(bob)
    names = [token["name"] for token in alice.get("/tokens/").json()]
    assert names == [f"토큰 {number}" for number in range(11, 1, -1)]
    page = alice.get("/tokens/", params={"skip": 10, "limit": 5}).json()
    assert [token["name"] for token in page] == ["토큰 1", "토큰 0"]
    assert alice.get("/tokens/", params={"limit": 0}).status_code == 400


def test_a_token_can_be_changed(alice: httpx.Client) -> None:
    made = create(alice)
    change = {"name": "서버", "allowed_models": ["openai/*"], "expires_at": "2099-01-01T00:00:00Z"}
    answer = alice.patch(f"/tokens/{made['id']}", json=change)
    assert answer.status_code == 200
    assert answer.json() == {key: made[key] for key in FIELDS} | change
    assert alice.put(f"/tokens/{made['id']}", json=change).status_code == 405


def test_a_revoked_token_is_refused_at_once(client: httpx.Client, alice: httpx.Client) -> None:
    made = create(alice)
    assert alice.delete(f"/tokens/{made['id']}").status_code == 204
    answer = client.get("/users/me", headers={"Authorization": f"Bearer {made['token']}"})
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]
    assert alice.get(f"/tokens/{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "가" * 101}, "name"),
        ({"name": None}, "name"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"allowed_models": []}, "allowed_models"),
        ({"allowed_models": ["gpt-5"]}, "allowed_models"),
        ({"allowed_models": ["*/gpt-5"]}, "allowed_models"),
        ({"allowed_models": ["openai/gpt*"]}, "allowed_models"),
        ({"allowed_models": "openai/*"}, "allowed_models"),
        ({"budget": {"limit": "5.00"}}, "budget.period"),
        ({"budget": {"limit": "-1", "period": "day"}}, "budget.limit"),
        ({"budget": {"limit": "1", "period": "year"}}, "budget.period"),
        (
            {"budget": {"limit": "1", "period": "day", "timezone": "Mars/Olympus"}},
            "budget.timezone",
        ),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"tokens_per_minute": "많이"}, "tokens_per_minute"),
    ],
)
def test_bad_input_names_the_field(alice: httpx.Client, fields: dict[str, Any], field: str) -> None:
    made = create(alice)
    for answer in (
        alice.post("/tokens/", json={"name": "노트북", **fields}),
        alice.patch(f"/tokens/{made['id']}", json=fields),
    ):
        assert answer.status_code == 400
        assert answer.json()["errors"].keys() == {field}
    assert ApiToken.objects.count() == 1


def test_another_users_token_is_not_found(alice: httpx.Client, bob: httpx.Client) -> None:
    made = create(alice)
    for identity in (made["id"], str(uuid4()), "7", "없음"):
        assert bob.get(f"/tokens/{identity}").status_code == 404
        assert bob.patch(f"/tokens/{identity}", json={"name": "x"}).status_code == 404
        assert bob.delete(f"/tokens/{identity}").status_code == 404
        assert bob.post(f"/tokens/{identity}/rotate").status_code == 404
    assert bob.get("/tokens/").json() == []
    assert alice.get(f"/tokens/{made['id']}").json()["name"] == "노트북"


def test_nobody_has_no_tokens(client: httpx.Client) -> None:
    assert client.get("/tokens/").status_code == 401
    assert client.post("/tokens/", json={"name": "x"}).status_code == 401
    assert client.post(f"/tokens/{uuid4()}/rotate").status_code == 401


def test_after_a_rotation_both_secrets_work_until_the_grace_ends(
    client: httpx.Client, alice: httpx.Client
) -> None:
    first = create(alice)
    answer = alice.post(f"/tokens/{first['id']}/rotate")
    assert answer.status_code == 200
    second = answer.json()
    assert second["id"] == first["id"]
    assert second["former_valid_until"] is not None
    assert status_with(client, first["token"]) == 200
    assert status_with(client, second["token"]) == 200
    ApiToken.objects.update(former_valid_until=timezone.now())
    refused = client.get("/users/me", headers={"Authorization": f"Bearer {first['token']}"})
    assert refused.status_code == 401
    assert "rotated" in refused.json()["detail"]
    assert status_with(client, second["token"]) == 200


def test_a_second_rotation_leaves_the_first_secret_its_grace(
    client: httpx.Client, alice: httpx.Client
) -> None:
    first = create(alice)
    second = alice.post(f"/tokens/{first['id']}/rotate").json()
    third = alice.post(f"/tokens/{first['id']}/rotate").json()
    secrets = [made["token"] for made in (first, second, third)]
    assert [status_with(client, secret) for secret in secrets] == [200, 200, 200]
    oldest = hashlib.sha256(first["token"].encode()).digest()
    FormerSecret.objects.filter(digest=oldest).update(valid_until=timezone.now())
    assert [status_with(client, secret) for secret in secrets] == [401, 200, 200]


def test_an_expired_token_is_refused(client: httpx.Client, alice: httpx.Client) -> None:
    made = create(alice, expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    assert status_with(client, made["token"]) == 200
    ApiToken.objects.update(expires_at=timezone.now())
    answer = client.get("/users/me", headers={"Authorization": f"Bearer {made['token']}"})
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_the_last_use_is_noted_to_the_minute(client: httpx.Client, alice: httpx.Client) -> None:
    made = create(alice)
    assert made["last_used_at"] is None
    status_with(client, made["token"])
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    status_with(client, made["token"])
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=1))
    status_with(client, made["token"])
    later = ApiToken.objects.get().last_used_at
    assert later is not None
    assert later > first


@pytest.mark.parametrize(
    "limit", [{"allowed_models": ["openai/*"]}, {"expires_at": "2099-01-01T00:00:00Z"}]
)
def test_a_limited_token_cannot_make_itself_a_better_one(
    client: httpx.Client, alice: httpx.Client, limit: dict[str, Any]
) -> None:
    limited, other = create(alice, **limit), create(alice)
    client.headers["Authorization"] = f"Bearer {limited['token']}"
    for answer in (
        client.post("/tokens/", json={"name": "better"}),
        client.patch(f"/tokens/{limited['id']}", json={"allowed_models": None}),
        client.post(f"/tokens/{other['id']}/rotate"),
        client.delete(f"/tokens/{other['id']}"),
        client.patch("/users/me", json={"username": "ana", "password": "七色の虹 9 bridges"}),
        client.delete("/users/me"),
    ):
        assert answer.status_code == 403
        assert "/auth/token" in answer.json()["detail"]
    assert client.get("/tokens/").status_code == 200
    assert client.get("/users/me").status_code == 200


def test_an_unlimited_token_opens_every_route(client: httpx.Client, alice: httpx.Client) -> None:
    client.headers["Authorization"] = f"Bearer {create(alice)['token']}"
    assert client.post("/tokens/", json={"name": "더"}).status_code == 201
    assert client.patch("/users/me", json={"email": "a@example.org"}).status_code == 200
    assert client.delete("/users/me").status_code == 204


@pytest.mark.parametrize(
    ("allowed", "model", "expected"),
    [
        (None, "gpt-5", True),
        (["openai/gpt-5"], "gpt-5", True),
        (["openai/gpt-5"], "gpt-5-mini", False),
        (["anthropic/*", "openai/*"], "gpt-5", True),
        (["openrouter/openai/gpt-5"], "gpt-5", False),
        (["open/*"], "gpt-5", False),
    ],
)
def test_a_token_allows_the_models_that_it_names(
    allowed: list[str] | None, model: str, expected: bool
) -> None:
    assert allows(ApiToken(allowed_models=allowed), "openai", model) is expected


def test_an_access_token_allows_every_model() -> None:
    assert allows(None, "openai", "gpt-5")
