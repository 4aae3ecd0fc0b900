"""What operators see and do about accounts. No page shows a token's secret or digest."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import refresh, throttles
from accounts.models import ApiToken, RefreshToken, User
from rini.errors import RateLimited, Unavailable


class LoginForm(AdminAuthenticationForm):
    """The admin's login, with the same brake on guessing as ``POST /auth/token``."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username") or ""
        user = throttles.account_of(name)
        try:
            with throttles.guess(user, name):
                return super().clean()
        except (RateLimited, Unavailable) as error:
            raise ValidationError(error.detail) from error


admin.site.login_form = LoginForm


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
            refresh.end_all(user)
            super().save(commit)
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
    actions = ("deactivate", "activate")
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

    @admin.action(description=_("Deactivate: refuse their tokens at once"), permissions=["change"])
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        # Whoever locks the last operator out, locks the admin for everybody.
        count = users.exclude(pk__in=[request.user.pk]).update(is_active=False)
        self.message_user(
            request,
            ngettext("%d account is deactivated.", "%d accounts are deactivated.", count) % count,
        )

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        count = users.update(is_active=True)
        self.message_user(
            request, ngettext("%d account is active.", "%d accounts are active.", count) % count
        )


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Tokens are made by their users; an operator can look at them and revoke them."""

    list_display = ("name", "prefix", "user", "created_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username", "user__id")
    date_hierarchy = "created_at"
    fields = (
        *("name", "prefix", "user", "allowed_models", "requests_per_minute", "tokens_per_minute"),
        *("created_at", "expires_at", "last_used_at", "former_valid_until"),
    )
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it is what "revoke" does
        return actions

    @admin.action(description=_("Revoke: delete them, their secrets too"), permissions=["delete"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        count, _by_model = tokens.delete()
        self.message_user(
            request, ngettext("%d token is revoked.", "%d tokens are revoked.", count) % count
        )


@admin.register(RefreshToken)
class RefreshTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The logins of users, to look at."""

    list_display = ("id", "user", "family", "created_at", "expires_at", "consumed_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "user__id", "family")
    fields = ("user", "family", "created_at", "expires_at", "consumed_at", "revoked_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
