from __future__ import annotations

from typing import Any

import httpx
import pytest

ROUTES = {
    ("/users/", "post"): {"201", "400", "403", "503"},
    ("/users/me/", "get"): {"200", "401"},
    ("/users/me/", "patch"): {"200", "400", "401", "403", "429", "503"},
    ("/users/me/", "delete"): {"204", "401", "403"},
    ("/auth/token/", "post"): {"200", "400", "401", "429", "503"},
    ("/auth/refresh/", "post"): {"200", "400", "401", "503"},
    ("/auth/logout/", "post"): {"204", "400", "401", "503"},
    ("/auth/logins/", "get"): {"200", "401"},
    ("/auth/logins/", "delete"): {"200", "401", "403"},
    ("/auth/logins/{id}/", "delete"): {"204", "401", "403", "404"},
    ("/tokens/", "get"): {"200", "400", "401"},
    ("/tokens/", "post"): {"201", "400", "401", "403"},
    ("/tokens/{id}/", "get"): {"200", "401", "404"},
    ("/tokens/{id}/", "patch"): {"200", "400", "401", "403", "404"},
    ("/tokens/{id}/", "delete"): {"204", "401", "403", "404"},
    ("/tokens/{id}/rotate/", "post"): {"200", "401", "403", "404"},
}


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/openapi.json").raise_for_status().json()
    return answer


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_route_and_each_of_its_answers_is_described(
    document: dict[str, Any], path: str, method: str
) -> None:
    operation = document["paths"][path][method]
    assert operation["responses"].keys() >= ROUTES[path, method]
    for status, answer in operation["responses"].items():
        if status >= "400":
            assert answer["content"].keys() == {"application/problem+json"}
    opens_without_token = path in {"/users/", "/auth/token/", "/auth/refresh/", "/auth/logout/"}
    assert operation.get("security", []) == ([] if opens_without_token else [{"token": []}])


def test_lists_take_skip_and_limit_and_give_arrays(document: dict[str, Any]) -> None:
    operation = document["paths"]["/tokens/"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"skip", "limit"}
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/Token"}}


def test_the_secret_is_in_the_answers_that_show_it_only(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "token" in schemas["NewToken"]["properties"]
    assert "token" not in schemas["Token"]["properties"]
    assert "password" not in schemas["Account"]["properties"]
