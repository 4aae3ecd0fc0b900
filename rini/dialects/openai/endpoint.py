"""What all endpoints of OpenAI's APIs have in common: errors in its shape."""

from __future__ import annotations

from starlette.responses import Response

from rini.dialects.openai import failures
from rini.errors import RiniError
from rini.web.http import Endpoint, json_response


class OpenAIEndpoint(Endpoint):
    """An endpoint whose errors are in OpenAI's shape."""

    tags = ["openai"]

    def error_response(self, error: RiniError) -> Response:
        return json_response(
            failures.body_of(error),
            status=failures.status_of(error),
            headers=failures.headers_of(error),
        )
