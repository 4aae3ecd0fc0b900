"""The roof of the ASGI side: which application answers what.

Hot and streaming routes go straight to their endpoints; everything else goes through Django.
"""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  (needs Django set up)
from django.conf import settings  # noqa: E402
from starlette.middleware.cors import CORSMiddleware  # noqa: E402
from starlette.types import ASGIApp  # noqa: E402

import conversations.routing  # noqa: E402
from rini.http import route  # noqa: E402
from rini.lifespan import Lifespan  # noqa: E402
from rini.request_id import RequestId  # noqa: E402

http: ASGIApp = URLRouter([*conversations.routing.http_routes, route(r"", django_application)])
if settings.CORS_ORIGINS:
    http = CORSMiddleware(
        http,
        allow_origins=settings.CORS_ORIGINS,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["X-Request-ID", "Retry-After"],
    )

application = RequestId(
    ProtocolTypeRouter(
        {
            "http": http,
            "websocket": URLRouter(conversations.routing.websocket_routes),
            "lifespan": Lifespan(),
        }
    )
)
