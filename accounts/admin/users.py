"""Accounts: making, changing and suspending them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import refresh, rights, second_factor, security_log
from accounts.models import EventName, User
from rini.asking_first import ask_first, note

ROLES = frozenset({"is_staff", "is_superuser", "groups", "user_permissions"})


class CreationForm(AdminUserCreationForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = User
        fields = ("username", "email")


class ChangeForm(UserChangeForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = User
        fields = "__all__"  # the admin's fieldsets choose

    def clean_username(self) -> str | None:
        name: str | None = self.cleaned_data["username"]
        return None if name is None else User.normalize_username(name)


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # not generic at run time
    def save(self, commit: bool = True) -> User:
        """Set the password and end every login that was made with the old one."""
        user: User = self.user
        with transaction.atomic():
            refresh.end_all(user)  # first, for its lock: see `credentials.change`
            super().save(commit)
            security_log.record(
                EventName.PASSWORD_CHANGED, user_id=user.pk, details={"by": "operator"}
            )
        return user


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    form = ChangeForm
    add_form = CreationForm
    change_password_form = PasswordForm
    list_display = ("__str__", "email", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "email", "id")
    ordering = ("-created_at",)
    readonly_fields = ("id", "created_at", "last_login")
    actions = ("deactivate", "activate", "remove_second_factor")
    fieldsets = (
        (None, {"fields": ("id", "username", "email", "password")}),
        (
            _("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (
            _("Limits"),
            {"fields": ("requests_per_minute", "tokens_per_minute", "parallel_generations")},
        ),
        (_("Dates"), {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),
    )

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who may delete an account may delete what goes with it, also what is only to look at."""
        deletable, counts, _lacking, protected = super().get_deleted_objects(objs, request)
        return deletable, counts, set(), protected

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes others superusers."""
        more = () if request.user.is_superuser else ("is_superuser",)
        return (*super().get_readonly_fields(request, obj), *more)

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """What the operator cannot give away is not offered; what the account has of it stays."""
        form = super().get_form(request, obj, change=change, **kwargs)
        manager: Any = request.user
        if obj is not None and not manager.is_superuser:
            had_permissions = obj.user_permissions.values("pk")
            had_groups = obj.groups.values("pk")
            own = rights.of(manager).values("pk")
            fields: Any = form.base_fields
            if "groups" not in fields:
                return form  # the page is only to look at
            fields["user_permissions"].queryset = Permission.objects.filter(
                Q(pk__in=own) | Q(pk__in=had_permissions)
            ).select_related("content_type")
            grantable = rights.grantable_groups(manager).values("pk")
            fields["groups"].queryset = Group.objects.filter(
                Q(pk__in=grantable) | Q(pk__in=had_groups)
            )
        return form

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            security_log.record(EventName.USER_CREATED, **_by(request, obj))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = set(form.changed_data)
        if change and "is_active" in changed:
            tell_of_activity([form.instance], request)
        if change and (roles := sorted(changed & ROLES)):
            user = form.instance
            now = {name: getattr(user, name) for name in ("is_staff", "is_superuser")}
            now["groups"] = sorted(user.groups.values_list("name", flat=True))
            now["permissions"] = sorted(user.user_permissions.values_list("codename", flat=True))
            details = {"changed": roles, **now}
            security_log.record(EventName.ROLE_CHANGED, **_by(request, user), details=details)
        if change and (others := sorted(changed - ROLES - {"is_active"})):
            details = {"fields": others}
            security_log.record(
                EventName.USER_CHANGED, **_by(request, form.instance), details=details
            )

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        by = _by(request, obj)
        super().delete_model(request, obj)
        security_log.record(EventName.USER_DELETED, **by)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        deleted = [_by(request, user) for user in queryset]
        super().delete_queryset(request, queryset)
        for by in deleted:
            security_log.record(EventName.USER_DELETED, **by)

    @admin.action(description=_("Deactivate: refuse their tokens at once"), permissions=["change"])
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> HttpResponse | None:
        # Never oneself: without its last operator the administration is locked for everybody.
        others = users.exclude(pk__in=[request.user.pk])
        question = ngettext("Deactivate %d account?", "Deactivate %d accounts?", others.count())
        if page := ask_first(request, others, question % others.count()):
            return page
        count = self._set_active(request, others, active=False)
        self.message_user(
            request,
            ngettext("%d account is deactivated.", "%d accounts are deactivated.", count) % count,
        )
        return None

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        count = self._set_active(request, users, active=True)
        self.message_user(
            request, ngettext("%d account is active.", "%d accounts are active.", count) % count
        )

    @admin.action(
        description=_("Remove the second factor of users who have lost it"), permissions=["change"]
    )
    def remove_second_factor(
        self, request: HttpRequest, users: QuerySet[User]
    ) -> HttpResponse | None:
        having = users.filter(second_factor__isnull=False)
        question = ngettext(
            "Remove the second factor of %d account?",
            "Remove the second factors of %d accounts?",
            having.count(),
        )
        if page := ask_first(request, having, question % having.count()):
            return page
        manager: Any = request.user
        changed = [
            user
            for user in rights.manageable(manager, having)
            if second_factor.remove(user, by=manager)
        ]
        note(request, changed, _("Second factor removed."))
        self.message_user(
            request,
            ngettext("%d second factor is removed.", "%d second factors are removed.", len(changed))
            % len(changed),
        )
        return None

    def _set_active(self, request: HttpRequest, users: QuerySet[User], *, active: bool) -> int:
        manager: Any = request.user
        changed = rights.manageable(manager, users.exclude(is_active=active))
        ids = [user.pk for user in changed]
        User.objects.filter(pk__in=ids).update(is_active=active)
        for user in changed:
            user.is_active = active
        tell_of_activity(changed, request)
        note(request, changed, _("Activated.") if active else _("Deactivated."))
        return len(changed)


def tell_of_activity(users: Iterable[User], request: HttpRequest) -> None:
    for user in users:
        event = EventName.USER_ACTIVATED if user.is_active else EventName.USER_SUSPENDED
        security_log.record(event, **_by(request, user))


def _may(request: HttpRequest, user: User | None) -> bool:
    manager: Any = request.user
    return user is None or rights.may_manage(manager, user)


def _by(request: HttpRequest, user: User) -> dict[str, Any]:
    return {"user_id": user.pk, "actor_id": request.user.pk}
