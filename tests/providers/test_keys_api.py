from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from accounts.models import User as Account
from providers import keys
from providers.models import ApiKey, Provider
from rini.secrets.secret import Secret
from tests.conftest import User
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Stage

VALUE = "sk-alice-0123456789abcdef"
FIELDS = {
    *("id", "user_id", "model_provider", "description", "last4"),
    *("created_at", "updated_at", "last_used_at"),
}


def add(owner: httpx.Client, value: str = VALUE, **fields: Any) -> dict[str, Any]:
    body = {"model_provider": "openai", "api_key_value": value, **fields}
    answer = owner.post("/api-keys/", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def errors(answer: httpx.Response) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, list[str]] = answer.json()["errors"]
    return found


def test_a_stored_key_is_described_and_never_shown(alice: User) -> None:
    made = add(alice, description="회사 열쇠")
    assert set(made) == FIELDS
    assert made["user_id"] == alice.user_id
    assert made["model_provider"] == "openai"
    assert made["description"] == "회사 열쇠"
    assert made["last4"] == "cdef"
    assert made["last_used_at"] is None
    one = alice.get(f"/api-keys/{made['id']}")
    listed = alice.get("/api-keys/")
    assert one.json() == made
    assert listed.json() == [made]
    assert VALUE not in one.text + listed.text


@pytest.mark.parametrize("address", ["/api-keys", "/api-keys/"])
def test_both_forms_of_the_address_answer(alice: User, address: str) -> None:
    body = {"model_provider": "openai", "api_key_value": VALUE}
    assert alice.post(address, json=body).status_code == 201
    assert len(alice.get(address).json()) == 1


def test_keys_are_listed_newest_first_ten_at_a_time(alice: User) -> None:
    made = [add(alice, description=str(number))["id"] for number in range(12)]
    assert [key["id"] for key in alice.get("/api-keys/").json()] == made[::-1][:10]
    rest = alice.get("/api-keys/", params={"skip": 10, "limit": 5}).json()
    assert [key["id"] for key in rest] == made[::-1][10:]


def test_a_key_s_description_and_value_can_be_changed(alice: User, stage: Stage) -> None:
    made = add(alice)
    path = f"/api-keys/{made['id']}"
    changed = alice.put(path, json={"description": "新しい"}).json()
    assert changed == {**made, "description": "新しい", "updated_at": changed["updated_at"]}
    assert datetime.fromisoformat(changed["updated_at"]) > datetime.fromisoformat(
        made["updated_at"]
    )
    assert alice.put(path, json={"api_key_value": "sk-other-987654321"}).json()["last4"] == "4321"
    assert alice.get(path).json()["description"] == "新しい"
    alice.post(f"{path}/verify")
    assert stage.wait_for_call().key == "sk-other-987654321"


def test_a_key_stays_with_its_provider(alice: User) -> None:
    path = f"/api-keys/{add(alice)['id']}"
    same = alice.put(path, json={"model_provider": "openai", "description": "a"})
    assert same.status_code == 200
    assert "model_provider" in errors(alice.put(path, json={"model_provider": "groq"}))


def test_a_deleted_key_is_gone(alice: User) -> None:
    path = f"/api-keys/{add(alice)['id']}"
    assert alice.delete(path).status_code == 204
    assert alice.get(path).status_code == 404
    assert alice.get("/api-keys/").json() == []


def test_another_user_s_key_is_not_there(alice: User, bob: User) -> None:
    path = f"/api-keys/{add(alice)['id']}"
    answers = [
        bob.get(path),
        bob.put(path, json={"description": "mine"}),
        bob.delete(path),
        bob.post(f"{path}/verify"),
        bob.get(f"/api-keys/{uuid4()}"),
        bob.get("/api-keys/nonsense"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 6
    assert bob.get("/api-keys/").json() == []
    assert alice.get(path).json()["description"] == ""


def test_a_conversation_s_key_is_not_listed_nor_opened(alice: User) -> None:
    key = keys.store(
        Account.objects.get(pk=alice.user_id),
        Provider.objects.get(pk="openai"),
        Secret(VALUE),
        session_id=uuid4(),
    )
    assert alice.get("/api-keys/").json() == []
    assert alice.get(f"/api-keys/{key.pk}").status_code == 404
    assert alice.delete(f"/api-keys/{key.pk}").status_code == 404


def test_without_a_token_there_are_no_keys(client: httpx.Client) -> None:
    assert client.get("/api-keys/").status_code == 401
    assert client.post("/api-keys/", json={}).status_code == 401


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"model_provider": "opnai"}, "model_provider", "openai"),
        ({"model_provider": None}, "model_provider", ""),
        ({"api_key_value": ""}, "api_key_value", ""),
        ({"api_key_value": "  "}, "api_key_value", ""),
        ({"api_key_value": None}, "api_key_value", ""),
        ({"api_key_value": ["sk-0123456789"]}, "api_key_value", ""),
        ({"api_key_value": "sk-0123456789\r\nX-Evil: 1"}, "api_key_value", "copy it again"),
        ({"api_key_value": "sk-0123456789-열쇠"}, "api_key_value", "copy it again"),
        ({"api_key_value": "sk-0123456789" * 400}, "api_key_value", "4096"),
        ({"description": "x" * 201}, "description", "200"),
    ],
)
def test_a_wrong_field_is_named_and_a_key_not_repeated(
    alice: User, fields: dict[str, Any], field: str, said: str
) -> None:
    body = {"model_provider": "openai", "api_key_value": VALUE, **fields}
    answer = alice.post("/api-keys/", json=body)
    assert said in errors(answer)[field][0]
    assert "sk-0123456789" not in answer.text
    assert not ApiKey.objects.exists()


def test_spaces_around_a_copied_key_do_not_belong_to_it(alice: User, stage: Stage) -> None:
    made = add(alice, f"  {VALUE}\n")
    alice.post(f"/api-keys/{made['id']}/verify")
    assert stage.wait_for_call().key == VALUE


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_good_key_is_valid_by_a_call_that_costs_nothing(
    alice: User, stage: Stage, provider: str
) -> None:
    made = add(alice, model_provider=provider)
    answer = alice.post(f"/api-keys/{made['id']}/verify")
    assert (answer.status_code, answer.json()) == (200, {"valid": True})
    (call,) = stage.calls
    assert (call.method, call.key) == ("GET", VALUE)


def test_a_key_is_checked_where_its_vendor_asks_for_one(alice: User, stage: Stage) -> None:
    """OpenRouter's list of models answers everybody."""
    Provider.objects.filter(slug="openrouter").update(base_url=f"{stage.openai_url}")
    made = add(alice, model_provider="openrouter")
    assert alice.post(f"/api-keys/{made['id']}/verify").json() == {"valid": True}
    (call,) = stage.calls
    assert call.path.endswith("/key")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_bad_key_is_not_valid_and_the_reason_is_told(
    alice: User, stage: Stage, provider: str
) -> None:
    stage.always(Script(failure=Failure(401)), key=VALUE)
    made = add(alice, model_provider=provider)
    answer = alice.post(f"/api-keys/{made['id']}/verify")
    assert answer.status_code == 200
    assert answer.json()["valid"] is False
    assert answer.json()["code"] == "provider_key_invalid"
    assert provider in answer.json()["reason"]


@pytest.mark.parametrize(("status", "code"), [(429, 429), (503, 503), (500, 502)])
def test_a_vendor_that_could_not_say_is_a_problem_and_no_verdict(
    alice: User, stage: Stage, status: int, code: int
) -> None:
    stage.always(Script(failure=Failure(status)), key=VALUE)
    answer = alice.post(f"/api-keys/{add(alice)['id']}/verify")
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_that_is_for_some_models_changes_no_keys(alice: User) -> None:
    path = f"/api-keys/{add(alice)['id']}"
    body = {"name": "t", "allowed_models": ["openai/gpt-4o"]}
    token = alice.post("/tokens/", json=body).json()["token"]
    limited = {"Authorization": f"Bearer {token}"}
    assert alice.get("/api-keys/", headers=limited).status_code == 200
    other = {"model_provider": "openai", "api_key_value": "sk-somebody-else-s"}
    assert alice.post("/api-keys/", json=other, headers=limited).status_code == 403
    assert alice.put(path, json={"description": "x"}, headers=limited).status_code == 403
    assert alice.delete(path, headers=limited).status_code == 403


def test_a_call_uses_the_user_s_key_and_says_when(alice: User, stage: Stage) -> None:
    made = add(alice)
    body = {"text": "안녕", "provider": "openai", "model": "gpt-4o-mini"}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    assert stage.wait_for_call().key == VALUE
    assert alice.get(f"/api-keys/{made['id']}").json()["last_used_at"] is not None


def test_a_call_without_a_key_says_where_to_add_one(alice: User) -> None:
    body = {"text": "안녕", "provider": "openai", "model": "gpt-4o-mini"}
    answer = alice.post("/llm/text-completion/", json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "provider_key_missing"
    assert "/api-keys/" in answer.json()["detail"]
    assert "OPENAI_API_KEY" in answer.json()["detail"]
