"""The addresses of conversations that Django answers; the others are in `conversations.routing`."""

from __future__ import annotations

from django.urls import re_path

from conversations.api.message_views import MessageViewSet
from conversations.api.search_views import SearchView
from conversations.api.session_views import (
    SessionExport,
    SessionFork,
    SessionImport,
    SessionStatistics,
    SessionTree,
)
from conversations.api.views import GenerationViewSet, SessionViewSet
from rini.web.routes import MESSAGE_PATTERN, UUID_PATTERN

_SESSION = rf"^sessions/(?P<session_id>{UUID_PATTERN})"
_MESSAGE = rf"^messages/(?P<pk>{MESSAGE_PATTERN})"
_SESSION_VIEW = SessionViewSet.as_view(
    {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
)

urlpatterns = [
    re_path(r"^sessions/?$", SessionViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^sessions/import/?$", SessionImport.as_view()),
    re_path(rf"^sessions/(?P<pk>{UUID_PATTERN})/?$", _SESSION_VIEW),
    re_path(rf"{_SESSION}/messages/?$", MessageViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"{_SESSION}/tree/?$", SessionTree.as_view()),
    re_path(rf"{_SESSION}/summary/?$", SessionStatistics.as_view()),
    re_path(rf"{_SESSION}/fork/?$", SessionFork.as_view()),
    re_path(rf"{_SESSION}/export/?$", SessionExport.as_view()),
    re_path(rf"{_MESSAGE}/?$", MessageViewSet.as_view({"get": "retrieve"})),
    re_path(rf"{_MESSAGE}/history/?$", MessageViewSet.as_view({"get": "history"})),
    re_path(r"^search/?$", SearchView.as_view({"get": "list"})),
    re_path(r"^generations/?$", GenerationViewSet.as_view({"get": "list"})),
    re_path(
        rf"^generations/(?P<pk>{UUID_PATTERN})/?$", GenerationViewSet.as_view({"get": "retrieve"})
    ),
]
