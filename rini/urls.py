"""The roof of the Django side: every address that Django answers.

The hot and streaming ones are in `rini.asgi`.
"""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from rini import service
from rini.openapi.views import Document

handler400 = "rini.web.api.bad_request"
handler403 = "rini.web.api.permission_denied"
handler404 = "rini.web.api.page_not_found"
handler500 = "rini.web.api.server_error"

urlpatterns = [
    path("", service.index),
    re_path(r"^livez/?$", service.livez),
    re_path(r"^readyz/?$", service.readyz),
    re_path(r"^openapi\.json/?$", Document.as_view(), name="schema"),
    re_path(
        r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema", metadata_class=None)
    ),
    re_path(r"^redoc/?$", SpectacularRedocView.as_view(url_name="schema", metadata_class=None)),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("billing.urls")),
    path("", include("providers.urls")),
    path("", include("knowledge.urls")),
    path("", include("memory.urls")),
    path("", include("conversations.urls")),
]
