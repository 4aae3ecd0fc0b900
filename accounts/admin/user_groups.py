"""Groups of users, their members, and who has been invited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import security_log
from accounts.admin.links import user_column
from accounts.group_models import Group, Invitation, Membership, Role
from accounts.models import EventName
from rini.admin import ReadOnlyAdmin


class Members(BaseInlineFormSet[Membership, Group, Any]):
    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms]
        roles = [form.cleaned_data.get("role") for form in kept if hasattr(form, "cleaned_data")]
        if Role.OWNER not in roles:
            raise ValidationError(_("A group needs an owner."))


class MembershipInline(admin.TabularInline[Membership, Group]):
    model = Membership
    formset = Members
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("user",)
    ordering = ("created_at",)
    extra = 1


@admin.register(Group)
class UserGroupAdmin(admin.ModelAdmin[Group]):
    """Groups of users. Operators see and change all of them, in none of which they need to be."""

    list_display = ("name", "members", "created_at")
    search_fields = ("name", "=id", "memberships__user__username")
    ordering = ("-created_at",)
    fields = ("id", "name", "description", "created_at")
    readonly_fields = ("id", "created_at")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(size=Count("memberships", distinct=True))

    @admin.display(description=_("members"), ordering="size")
    def members(self, group: Any) -> int:
        size: int = group.size
        return size

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            _tell(request, EventName.GROUP_CREATED, obj)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        told = [
            *((EventName.MEMBER_ADDED, member) for member in formset.new_objects),
            *((EventName.MEMBER_CHANGED, member) for member, _fields in formset.changed_objects),
            *((EventName.MEMBER_REMOVED, member) for member in formset.deleted_objects),
        ]
        for event, member in told:
            details = {"user_id": member.user_id, "role": member.role}
            _tell(request, event, form.instance, **details)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        _tell(request, EventName.GROUP_DELETED, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            _tell(request, EventName.GROUP_DELETED, group)
        super().delete_queryset(request, queryset)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations to groups. Their links are shown to nobody again."""

    may = frozenset({"delete"})
    list_display = ("group", "who", "email", "role", "created_at", "expires_at")
    who = user_column()
    list_select_related = ("group",)
    search_fields = ("group__name", "user__username", "email")
    fields = ("group", "user", "email", "role", "created_at", "expires_at")
    ordering = ("-created_at",)


def _tell(
    request: HttpRequest, event: EventName, group: Group, user_id: Any = None, **details: Any
) -> None:
    named = {"group": str(group.pk), "name": group.name, "by": "operator", **details}
    security_log.record(event, user_id=user_id, actor_id=request.user.pk, details=named)
