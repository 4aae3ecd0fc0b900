from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from accounts.models import ApiToken, RefreshToken, User

PASSWORD = "비밀번호 七色の虹 9"


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_an_empty_body_makes_an_account_that_only_its_tokens_open(client: httpx.Client) -> None:
    answer = client.post("/users/")
    assert answer.status_code == 201
    assert answer.json().keys() == {
        "id",
        "username",
        "access_token",
        "refresh_token",
        "token_type",
    }
    assert answer.json()["username"] is None
    assert answer.json()["token_type"] == "bearer"
    me = client.get("/users/me", headers=bearer(answer)).json()
    assert me.keys() == {*("id", "username", "email", "is_staff", "memory_enabled", "created_at")}
    assert me["id"] == answer.json()["id"]
    assert me["is_staff"] is False
    assert me["created_at"].endswith("Z")


@pytest.mark.parametrize("slash", ["", "/"])
def test_both_forms_of_an_address_answer(client: httpx.Client, slash: str) -> None:
    body = {"username": "ana", "password": PASSWORD}
    made = client.post(f"/users{slash}", json=body)
    assert made.status_code == 201
    assert client.get(f"/users/me{slash}", headers=bearer(made)).status_code == 200
    login = client.post(f"/auth/token{slash}", json=body)
    assert login.status_code == 200
    renewed = client.post(
        f"/auth/refresh{slash}", json={"refresh_token": login.json()["refresh_token"]}
    )
    assert renewed.status_code == 200
    left = client.post(
        f"/auth/logout{slash}", json={"refresh_token": renewed.json()["refresh_token"]}
    )
    assert left.status_code == 204


@pytest.mark.parametrize("name", ["김민준", "王小明", "さくら", "Ana.Núñez"])
def test_names_of_every_script_can_log_in(client: httpx.Client, name: str) -> None:
    made = client.post("/users/", json={"username": name, "password": PASSWORD})
    assert made.json()["username"] == name
    login = client.post("/auth/token", json={"username": name, "password": PASSWORD})
    assert login.status_code == 200
    assert client.get("/users/me", headers=bearer(login)).json()["username"] == name


def test_a_name_is_the_same_in_every_unicode_form(client: httpx.Client) -> None:
    decomposed = unicodedata.normalize("NFD", "김민준")
    made = client.post("/users/", json={"username": decomposed, "password": PASSWORD})
    assert made.json()["username"] == "김민준"
    body = {"username": decomposed, "password": PASSWORD}
    assert client.post("/auth/token", json=body).status_code == 200
    again = client.post("/users/", json={"username": "김민준", "password": PASSWORD})
    assert again.json()["errors"].keys() == {"username"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "ana"}, "password"),
        ({"password": PASSWORD}, "username"),
        ({"username": "ana", "password": "1234"}, "password"),
        ({"username": "anabelle", "password": "Anabelle1"}, "password"),
        ({"username": "a b", "password": PASSWORD}, "username"),
        ({"username": "", "password": PASSWORD}, "username"),
        ({"username": "ana" * 51, "password": PASSWORD}, "username"),
        ({"username": ["ana"], "password": PASSWORD}, "username"),
        ({"username": "ana", "password": "가" * 1001}, "password"),
        ({"email": "nowhere"}, "email"),
        (["ana"], "body"),
    ],
)
def test_bad_input_names_the_field(client: httpx.Client, body: Any, field: str) -> None:
    answer = client.post("/users/", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_input"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["errors"].keys() == {field}


@pytest.mark.parametrize("field", ["username", "email"])
def test_a_taken_name_or_address_is_refused_in_any_case(client: httpx.Client, field: str) -> None:
    first = {"username": "Ánã", "password": PASSWORD, "email": "ana@example.org"}
    assert client.post("/users/", json=first).status_code == 201
    other = {"username": "bo", "password": PASSWORD, "email": "bo@example.org"}
    other[field] = first[field].upper()
    answer = client.post("/users/", json=other)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {field}


def test_of_many_who_want_one_name_at_once_one_gets_it(client: httpx.Client) -> None:
    start = Barrier(6)

    def register(spelling: str) -> int:
        start.wait()
        body = {"username": spelling, "password": PASSWORD}
        return client.post("/users/", json=body).status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(register, ["ana", "Ana", "ANA", "aNa", "anA", "AnA"]))
    assert sorted(statuses) == [201, 400, 400, 400, 400, 400]


def test_an_account_can_be_given_a_name_and_a_password_later(
    client: httpx.Client, alice: httpx.Client
) -> None:
    for half, missing in (("username", "password"), ("password", "username")):
        answer = alice.patch("/users/me", json={half: PASSWORD.replace(" ", "")})
        assert answer.status_code == 400
        assert answer.json()["errors"].keys() == {missing}
    body = {"username": "앨리스", "password": PASSWORD, "email": "alice@example.org"}
    answer = alice.patch("/users/me", json=body)
    assert answer.status_code == 200
    assert answer.json()["username"] == "앨리스"
    assert alice.get("/users/me").status_code == 200
    assert answer.json()["email"] == "alice@example.org"
    del body["email"]
    assert client.post("/auth/token", json=body).status_code == 200


def test_what_a_user_may_not_change_stays(alice: httpx.Client) -> None:
    alice.patch("/users/me", json={"is_staff": True, "id": "0", "is_superuser": True})
    user = User.objects.get()
    assert not user.is_staff
    assert not user.is_superuser


def test_an_address_can_be_taken_away_again(alice: httpx.Client) -> None:
    alice.patch("/users/me", json={"email": "alice@example.org"})
    assert alice.patch("/users/me", json={"email": None}).json()["email"] is None


def test_a_taken_name_is_refused_on_change_too(alice: httpx.Client, client: httpx.Client) -> None:
    client.post("/users/", json={"username": "ana", "password": PASSWORD})
    answer = alice.patch("/users/me", json={"username": "ANA", "password": PASSWORD})
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"username"}


def test_a_new_password_needs_the_current_one_and_ends_every_login(client: httpx.Client) -> None:
    new = "새로운 비밀번호 42"
    made = client.post("/users/", json={"username": "ana", "password": PASSWORD})
    login = client.post("/auth/token", json={"username": "ana", "password": PASSWORD})
    for wrong in ({}, {"current_password": "wrong"}):
        answer = client.patch("/users/me", json={"password": new, **wrong}, headers=bearer(made))
        assert answer.status_code == 400
        assert answer.json()["errors"].keys() == {"current_password"}
    change = {"password": new, "current_password": PASSWORD}
    assert client.patch("/users/me", json=change, headers=bearer(made)).status_code == 200
    for answer in (made, login):
        body = {"refresh_token": answer.json()["refresh_token"]}
        assert client.post("/auth/refresh", json=body).status_code == 401
    old = {"username": "ana", "password": PASSWORD}
    assert client.post("/auth/token", json=old).status_code == 401
    assert client.post("/auth/token", json={**old, "password": new}).status_code == 200


def test_the_current_password_cannot_be_guessed_without_end(client: httpx.Client) -> None:
    made = client.post("/users/", json={"username": "ana", "password": PASSWORD})
    body = {"password": "새로운 비밀번호 42", "current_password": "wrong"}
    statuses = [
        client.patch("/users/me", json=body, headers=bearer(made)).status_code for _ in range(11)
    ]
    assert statuses == [400] * 10 + [429]


def test_a_deleted_account_takes_everything_along(client: httpx.Client) -> None:
    made = client.post("/users/", json={"username": "ana", "password": PASSWORD})
    body = {"name": "노트북", "current_password": PASSWORD}
    token = client.post("/tokens/", json=body, headers=bearer(made)).json()["token"]
    proof = {"current_password": PASSWORD}
    answer = client.request("DELETE", "/users/me", json=proof, headers=bearer(made))
    assert answer.status_code == 204
    assert not User.objects.exists()
    assert not ApiToken.objects.exists()
    assert not RefreshToken.objects.exists()
    for secret in (made.json()["access_token"], token):
        answer = client.get("/users/me", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401
    body = {"refresh_token": made.json()["refresh_token"]}
    assert client.post("/auth/refresh", json=body).status_code == 401


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_nobody_has_no_account(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/users/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"
    assert "Authorization: Bearer" in answer.json()["detail"]
