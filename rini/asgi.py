"""The roof of the ASGI side: which application answers what.

Hot and streaming routes go straight to their endpoints; everything else goes through Django.
"""

from __future__ import annotations

import faulthandler
import os
from ipaddress import ip_network
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rini.settings")

import django

django.setup(set_prefix=False)  # before what follows is imported: it has models in it

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from starlette.middleware.cors import CORSMiddleware  # noqa: E402
from starlette.types import ASGIApp  # noqa: E402

import conversations.routing  # noqa: E402
import knowledge.routing  # noqa: E402
import providers.routing  # noqa: E402
import rini.dialects.routing  # noqa: E402
import rini.monitoring  # noqa: E402
from accounts.authentication import is_known  # noqa: E402
from accounts.rates import RateHeaders  # noqa: E402
from rini.lifespan import Lifespan  # noqa: E402
from rini.web.body_limit import BodyLimit  # noqa: E402
from rini.web.client import Client  # noqa: E402
from rini.web.django_application import DjangoApplication  # noqa: E402
from rini.web.headers import SafeHeaders  # noqa: E402
from rini.web.hosts import Hosts  # noqa: E402
from rini.web.http import Whole, route  # noqa: E402
from rini.web.language import Language  # noqa: E402
from rini.web.request_id import RequestId  # noqa: E402
from rini.web.request_log import RequestLog  # noqa: E402

faulthandler.enable()  # a crash of the interpreter itself says where it was
django_application = cast(ASGIApp, DjangoApplication(is_known))
http: ASGIApp = URLRouter(
    [
        *rini.dialects.routing.http_routes,
        *providers.routing.http_routes,
        *knowledge.routing.http_routes,
        *conversations.routing.http_routes,
        *rini.monitoring.http_routes,
        # Answers to signing up and logging in are never replayed: that would be a way to guess
        # passwords.
        route(r"^(?:users|auth/[a-z]+)/?$", django_application),
        route(r"", Whole(django_application)),
    ]
)
if settings.CORS_ORIGINS:
    http = CORSMiddleware(
        http,
        allow_origins=settings.CORS_ORIGINS,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=[  # a page's scripts see no others
            "X-Request-ID",
            "Retry-After",
            "Idempotency-Replayed",
            "RateLimit",
            "RateLimit-Limit",
            "RateLimit-Policy",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "X-Generation-ID",
            "x-rini-cost",
            "x-rini-model",
            "x-rini-overhead-ms",
        ],
    )

application: ASGIApp = ProtocolTypeRouter(
    {
        "http": BodyLimit(RateHeaders(http)),
        "websocket": URLRouter(conversations.routing.websocket_routes),
        "lifespan": Lifespan(),
    }
)
# Each stands around the one before: a name or a body that is refused has its id, its line in the
# log and its reader's language all the same.
application = Hosts(application, settings.ALLOWED_HOSTS, literals=settings.SERVES_LITERAL_HOSTS)
application = Client(
    application, [ip_network(one, strict=False) for one in settings.TRUSTED_PROXIES]
)
application = SafeHeaders(application, hsts=settings.HSTS_SECONDS)
application = RequestId(RequestLog(Language(application)))
