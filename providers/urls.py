from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from providers import views

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("api-keys", views.KeysView)

urlpatterns = [
    re_path(r"^llm/models/?$", views.ModelsView.as_view()),
    path("", include(router.urls)),
]
