"""Groups of operators, whose members have the group's rights."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts import rights, security_log
from accounts.models import EventName

admin.site.unregister(Group)


@admin.register(Group)
class OperatorsGroupAdmin(GroupAdmin):
    """A group gives its members rights: nobody puts into one what they do not have themselves."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may(request, obj)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        manager: Any = request.user if request else None
        if manager and db_field.name == "permissions" and not manager.is_superuser:
            field.queryset = rights.of(manager).select_related("content_type")
        return field

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        group = form.instance
        details = {
            "group": group.name,
            "permissions": sorted(group.permissions.values_list("codename", flat=True)),
        }
        security_log.record(EventName.ROLE_CHANGED, actor_id=request.user.pk, details=details)

    @staticmethod
    def _may(request: HttpRequest, group: Group | None) -> bool:
        manager: Any = request.user
        return group is None or rights.grantable_groups(manager).filter(pk=group.pk).exists()
