"""Logins, and the refresh tokens that renew them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Login, RefreshToken


class OnlyToSee(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(RefreshToken)
class RefreshTokenAdmin(OnlyToSee):
    """What renews the logins of users."""

    list_display = ("id", "user", "family", "created_at", "expires_at", "consumed_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "user__id", "family")
    fields = ("user", "family", "created_at", "expires_at", "consumed_at", "revoked_at")


@admin.register(Login)
class LoginAdmin(OnlyToSee):
    """The logins of users, to look at: from where, with what, until when."""

    list_display = ("user", "address", "agent", "created_at", "last_used_at", "ended_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "=user__id", "=address")
    fields = (
        *("id", "user", "address", "agent"),
        *("created_at", "last_used_at", "expires_at", "ended_at"),
    )
    ordering = ("-created_at",)
