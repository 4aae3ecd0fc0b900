"""The roof of the Django side: every address that Django answers.

The hot and streaming ones are in `rini.asgi`.
"""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.utils import translation
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from rini import service

handler400 = "rini.web.api.bad_request"
handler403 = "rini.web.api.permission_denied"
handler404 = "rini.web.api.page_not_found"
handler500 = "rini.web.api.server_error"

# The descriptions are English; what they take from the models would follow the reader's language.
in_english = translation.override("en")

urlpatterns = [
    path("", service.index),
    re_path(r"^livez/?$", service.livez),
    re_path(r"^readyz/?$", service.readyz),
    re_path(r"^openapi\.json/?$", in_english(SpectacularJSONAPIView.as_view()), name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema")),
    re_path(r"^redoc/?$", SpectacularRedocView.as_view(url_name="schema")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("billing.urls")),
    path("", include("providers.urls")),
    path("", include("knowledge.urls")),
    path("", include("conversations.urls")),
]
