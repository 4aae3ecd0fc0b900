"""The operators' view of the installation itself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from rini.models import PeriodicTask, Process

admin.site.site_header = _("Rini: administration")
admin.site.site_title = "Rini"
admin.site.index_title = _("What runs, who uses it, and what it costs")


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """What programs write and people read. What people may do besides stands in `may`: ``add``,
    ``delete``."""

    may: ClassVar[frozenset[str]] = frozenset()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return "add" in self.may and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return "delete" in self.may and super().has_delete_permission(request, obj)


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    list_display = ["id", "started_at", "beat_at"]
    ordering = ["-beat_at"]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    list_display = ["name", "succeeded_at", "failed_at", "runs"]
    ordering = ["name"]
