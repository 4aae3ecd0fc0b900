"""What operators see of shares, and end; each app registers its own kinds."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.links import user_column, user_link
from rini.admin import ReadOnlyAdmin


class ShareAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    list_display = ("thing", "owner", "who", "group", "everyone", "access", "created_at")
    who = user_column()
    list_select_related = ("thing", "group")
    list_filter = ("everyone", "access", "created_at")
    search_fields = ("=thing__id", "user__username", "group__name")
    fields = ("thing", "user", "group", "everyone", "access", "created_at")
    ordering = ("-created_at",)

    @admin.display(description=_("owner"))
    def owner(self, share: Any) -> str:
        return user_link(share.thing.user_id)
