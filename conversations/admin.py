"""The operators' view of conversations: who talks how much, not what about, unless they look."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.admin.links import user_column
from accounts.sharing.admin import ShareAdmin
from conversations.agents.models import SETTINGS, Agent, AgentShare, AgentVersion
from conversations.answering import stopping
from conversations.models import (
    Generation,
    GenerationStatus,
    JournalSegment,
    Message,
    Session,
    SessionImport,
    SessionShare,
)
from rini.admin import ReadOnlyAdmin


class JournalInline(admin.TabularInline[JournalSegment, Generation]):
    """The events of a generation, as they were stored together."""

    model = JournalSegment
    fields = ["first_seq", "last_seq", "events"]
    readonly_fields = ["first_seq", "last_seq", "events"]
    ordering = ["first_seq"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    ordering = ["-created_at"]
    list_display = ["id", "alias", "who", "model", "created_at", "last_accessed", "archived"]
    who = user_column()
    list_filter = ["archived", "memory_mode", "created_at"]
    search_fields = ["=id", "alias", "user__username"]
    show_full_result_count = False


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    ordering = ["-id"]
    list_display = ["id", "in_session", "role", "status", "provider", "model_used", "created_at"]
    list_filter = ["role", "status", "provider", "created_at"]

    @admin.display(description=_("session"), ordering="session_id")
    def in_session(self, message: Message) -> str:
        address = reverse("admin:conversations_session_change", args=[message.session_id])
        return format_html('<a href="{}">{}</a>', address, message.session_id)

    search_fields = ["=session__id"]
    show_full_result_count = False


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    ordering = ["-created_at"]
    actions = ["stop"]
    may = frozenset({"delete"})
    inlines = [JournalInline]
    list_display = ["id", "who", "provider", "model", "status", "created_at", "finished_at"]
    who = user_column()
    list_filter = ["status", "provider", "created_at"]
    search_fields = ["=id", "=session__id", "user__username"]
    show_full_result_count = False

    @admin.action(
        description=_("Stop: the text so far stays, and is billed"), permissions=["delete"]
    )
    def stop(self, request: HttpRequest, generations: QuerySet[Generation]) -> None:
        running = generations.filter(status=GenerationStatus.RUNNING).select_related("user")
        for generation in (stopped := list(running)):
            async_to_sync(stopping.stop)(generation.user, generation.id)
        self.message_user(
            request,
            ngettext("%d answer is stopped.", "%d answers are stopped.", len(stopped))
            % len(stopped),
        )


@admin.register(SessionImport)
class SessionImportAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    ordering = ["-created_at"]
    list_display = ["id", "who", "status", "taken", "total", "created_at", "ended_at"]
    who = user_column()
    list_filter = ["status", "created_at"]
    search_fields = ["=id", "user__username"]


@admin.register(SessionShare)
class SessionShareAdmin(ShareAdmin):
    """Who reads whose sessions."""


class AgentVersionInline(admin.StackedInline[AgentVersion, Agent]):
    """What an agent was set to whenever it was published."""

    model = AgentVersion
    fields = ["number", *SETTINGS, "created_at"]
    readonly_fields = ["number", *SETTINGS, "created_at"]
    ordering = ["-number"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Agent)
class AgentAdmin(ReadOnlyAdmin):
    may = frozenset({"delete"})
    ordering = ["-created_at"]
    inlines = [AgentVersionInline]
    list_display = ["name", "who", "model", "version", "created_at", "updated_at"]
    who = user_column()
    list_filter = ["created_at"]
    search_fields = ["=id", "name", "user__username"]


@admin.register(AgentShare)
class AgentShareAdmin(ShareAdmin):
    """Who uses whose agents, and who changes them."""
