"""The addresses of conversations that Django answers; the others are in `conversations.routing`."""

from __future__ import annotations

from django.urls import re_path

from conversations.views import GenerationViewSet, MessageViewSet, SessionViewSet
from rini.http import UUID_PATTERN

urlpatterns = [
    re_path(r"^sessions/?$", SessionViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^sessions/(?P<pk>{UUID_PATTERN})/?$", SessionViewSet.as_view({"get": "retrieve"})),
    re_path(
        rf"^sessions/(?P<session_id>{UUID_PATTERN})/messages/?$",
        MessageViewSet.as_view({"get": "list"}),
    ),
    re_path(r"^generations/?$", GenerationViewSet.as_view({"get": "list"})),
    re_path(
        rf"^generations/(?P<pk>{UUID_PATTERN})/?$", GenerationViewSet.as_view({"get": "retrieve"})
    ),
]
