from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from accounts import views

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("tokens", views.TokensView)

urlpatterns = [
    re_path(r"^users/?$", views.UsersView.as_view()),
    re_path(r"^users/me/?$", views.MeView.as_view()),
    re_path(r"^auth/token/?$", views.LoginView.as_view()),
    re_path(r"^auth/refresh/?$", views.RefreshView.as_view()),
    re_path(r"^auth/logout/?$", views.LogoutView.as_view()),
    path("", include(router.urls)),
]
