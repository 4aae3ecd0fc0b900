"""The security log."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.links import user_column
from accounts.models import EventName, SecurityEvent
from rini.admin import ReadOnlyAdmin


class EventFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        return list(EventName.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(SecurityEvent)
class SecurityEventAdmin(ReadOnlyAdmin):
    """The security log, to read. Nobody edits it, and only time deletes from it."""

    list_display = ("at", "what", "count", "who", "by", "token_id", "address", "details")
    list_filter = (EventFilter,)
    who = user_column()
    by = user_column("actor_id", _("by"))
    # Only so that there is a field to search by: `get_search_results` does it.
    search_fields = ("=user_id", "=actor_id", "=token_id", "=address", "=request_id")
    show_full_result_count = False  # it would read the whole log for every page
    ordering = ("-at", "-id")
    fields = (
        *("at", "last_at", "what", "event", "count", "user_id", "actor_id", "token_id"),
        *("address", "request_id", "details"),
    )
    readonly_fields = ("what",)

    @admin.display(description=_("event"), ordering="event")
    def what(self, row: SecurityEvent) -> str:
        return str(dict(EventName.choices).get(row.event, row.event))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole of an id, an address or a request."""
        if not search_term:
            return queryset, False
        wanted = Q(address=search_term) | Q(request_id=search_term)
        with suppress(ValueError):
            identity = UUID(search_term)
            wanted |= Q(user_id=identity) | Q(actor_id=identity) | Q(token_id=identity)
        return queryset.filter(wanted), False
