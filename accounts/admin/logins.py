"""Logins, and the refresh tokens that renew them."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin.links import user_column
from accounts.models import Login, RefreshToken
from rini.admin import ReadOnlyAdmin


@admin.register(RefreshToken)
class RefreshTokenAdmin(ReadOnlyAdmin):
    """What renews the logins of users."""

    list_display = ("id", "who", "family", "created_at", "expires_at", "consumed_at", "revoked_at")
    who = user_column()
    search_fields = ("user__username", "user__id", "family")
    fields = ("user", "family", "created_at", "expires_at", "consumed_at", "revoked_at")


@admin.register(Login)
class LoginAdmin(ReadOnlyAdmin):
    """The logins of users, to look at: from where, with what, until when."""

    list_display = ("created_at", "who", "address", "agent", "last_used_at", "ended_at")
    who = user_column()
    search_fields = ("user__username", "=user__id", "=address")
    fields = (
        *("id", "user", "address", "agent"),
        *("created_at", "last_used_at", "expires_at", "ended_at"),
    )
    ordering = ("-created_at",)
