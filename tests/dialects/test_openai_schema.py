from __future__ import annotations

from typing import Any

import httpx
import pytest

ROUTES = {
    ("/v1/chat/completions/", "post"): {"200", "400", "401", "402", "403", "404"},
    ("/v1/embeddings/", "post"): {"200", "400", "401", "402", "403", "404"},
    ("/v1/models/", "get"): {"200", "401"},
    ("/v1/models/{model}/", "get"): {"200", "400", "401", "404"},
}


@pytest.mark.parametrize(("path", "method"), ROUTES)
def test_every_route_is_described_with_errors_in_openais_shape(
    client: httpx.Client, path: str, method: str
) -> None:
    document: dict[str, Any] = client.get("/openapi.json").raise_for_status().json()
    operation = document["paths"][path][method]
    assert operation["responses"].keys() >= ROUTES[path, method]
    for status, answer in operation["responses"].items():
        if status >= "400":
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/OpenAIError"}
    if method == "post":
        assert {"x-rini-cost", "x-rini-overhead-ms"} <= operation["responses"]["200"][
            "headers"
        ].keys()
