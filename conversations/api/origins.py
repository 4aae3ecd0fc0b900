"""Which web pages may open a WebSocket here."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings


def is_allowed(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Pages of this server itself and of `CORS_ORIGINS`; programs, which send no Origin, too."""
    texts = {name: value.decode("latin-1") for name, value in headers}
    origin = texts.get(b"origin")
    if origin is None or origin in settings.CORS_ORIGINS or "*" in settings.CORS_ORIGINS:
        return True
    return urlsplit(origin).netloc == texts.get(b"host")
