"""``/openapi.json``: made once per process, because making it takes seconds."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request

_making = threading.Lock()


@extend_schema(exclude=True)
class Document(SpectacularJSONAPIView):
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        with _making:  # of many who ask at first, one makes it
            content = _document()
        return HttpResponse(
            content,
            content_type=request.accepted_renderer.media_type,
            headers={"Content-Disposition": 'inline; filename="rini.json"'},
        )


@cache
def _document() -> bytes:
    # Its descriptions are English; what they take from models would follow the reader's language.
    with translation.override("en"):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return bytes(OpenApiJsonRenderer().render(schema))
