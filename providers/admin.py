"""What operators see and set of providers, models and keys. No page ever shows a key's value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts import security_log
from accounts.admin.links import user_column
from accounts.models import EventName
from accounts.sharing.admin import ShareAdmin
from providers import keys, reachability
from providers.models import (
    ApiKey,
    McpConnection,
    McpConnectionShare,
    Model,
    ModelKind,
    Provider,
)
from rini.admin import ReadOnlyAdmin
from rini.secrets import sealed
from rini.secrets.crypto import SealBroken
from rini.secrets.secret import Secret


class ProviderForm(forms.ModelForm[Provider]):
    """A provider and, to write only, the key that the operator lends to all users."""

    new_key = forms.CharField(
        label=_("new key"),
        required=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_(
            "Everybody's calls without a key of their own use it. Several, with commas between "
            "them, take turns. Empty: as it is."
        ),
    )
    remove_key = forms.BooleanField(label=_("remove the key"), required=False)

    class Meta:
        model = Provider
        fields = (
            *("slug", "name", "enabled", "wire", "litellm_prefix"),
            *("base_url", "default_base_url", "needs_key", "any_model"),
            "only_listed",
        )

    def clean_base_url(self) -> str:
        address: str = self.cleaned_data["base_url"].strip()
        parts = urlsplit(address)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and " " not in address
        if address and not is_address:
            raise forms.ValidationError(
                _("This is no address; “https://llm.example.com/v1” is one.")
            )
        return address

    def clean_new_key(self) -> Secret | None:
        text: str = self.cleaned_data["new_key"]
        if not (text.isascii() and (text.isprintable() or not text) and " " not in text):
            raise forms.ValidationError(_("A key has no spaces and only ASCII letters."))
        return Secret(text) if text else None


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin[Provider]):
    form = ProviderForm
    list_display = ("slug", "name", "enabled", "wire", "base_url", "default_base_url", "key")
    list_filter = ("enabled", "wire")
    search_fields = ("slug", "name")
    fields = (*ProviderForm.Meta.fields, "key", "new_key", "remove_key")
    readonly_fields = ("key",)
    actions = ("ask",)

    @admin.action(description=_("Check that they answer, and take the key"), permissions=["view"])
    def ask(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        """By a call that costs nothing."""
        for provider in providers:
            answers = async_to_sync(reachability.answers)(provider.slug)
            level = messages.SUCCESS if answers else messages.ERROR
            said = _("%(provider)s answers.") if answers else _("%(provider)s does not answer.")
            self.message_user(request, said % {"provider": provider}, level)

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """A provider's name in the API stays: keys, prices and the ledger know it by that."""
        fixed = ("slug", "default_base_url") if obj else ()
        return (*self.readonly_fields, *fixed)

    def save_model(
        self, request: HttpRequest, obj: Provider, form: forms.ModelForm[Provider], change: bool
    ) -> None:
        if form.cleaned_data["remove_key"]:
            obj.sealed_key = None
        if form.cleaned_data["new_key"]:
            sealed.put(obj, "sealed_key", form.cleaned_data["new_key"])
        super().save_model(request, obj, form, change)
        changed = set(form.changed_data)
        if changed & {"new_key", "remove_key", "base_url"}:
            is_gone = form.cleaned_data["remove_key"] and not form.cleaned_data["new_key"]
            event = EventName.KEY_DELETED if is_gone else EventName.KEY_CHANGED
            details = {"provider": obj.slug, "lent": True, "fields": sorted(changed)}
            security_log.record(event, actor_id=request.user.pk, details=details)

    @admin.display(description=_("operator's key"))
    def key(self, provider: Provider) -> str:
        """Whether there is one, and its end: enough to recognise it."""
        if provider.sealed_key is None:
            lent = keys.lent_by_environment(provider)
            return format_html("{}", _("from the environment")) if lent else "–"
        try:
            value = sealed.take(provider, "sealed_key")
        except SealBroken:
            return format_html("{}", _("cannot be opened: set it anew"))
        ends = ", ".join(f"…{one.last4}" for one in value.parts() if one.last4) if value else ""
        return format_html("{} {}", _("set"), ends)


class ModelForm(forms.ModelForm[Model]):
    class Meta:
        model = Model
        fields = (
            *("provider", "name", "kind", "context_window", "max_output_tokens", "dimensions"),
            *("vision", "tools", "fallbacks", "enabled"),
        )

    def clean_fallbacks(self) -> list[str]:
        """Chat models by their full names; those that the catalogue does not know of providers
        that are open to them."""
        names: list[str] = self.cleaned_data["fallbacks"]
        for name in names:
            slug, _slash, model = name.partition("/")
            known = Model.objects.filter(provider=slug, name=model, kind=ModelKind.CHAT)
            others = Provider.objects.filter(slug=slug, only_listed=False)
            if not model or not (known.exists() or others.exists()):
                raise forms.ValidationError(
                    _("There is no chat model “%(name)s”; “openai/gpt-4.1-mini” is one."),
                    params={"name": name},
                )
        return names


@admin.register(Model)
class ModelAdmin(admin.ModelAdmin[Model]):
    form = ModelForm
    list_display = (
        *("name", "provider", "kind", "context_window", "max_output_tokens"),
        *("vision", "tools", "enabled", "edited"),
    )
    list_filter = ("provider", "kind", "enabled", "edited")
    list_select_related = ("provider",)
    search_fields = ("name",)
    readonly_fields = ("edited",)

    def save_model(
        self, request: HttpRequest, obj: Model, form: forms.ModelForm[Model], change: bool
    ) -> None:
        """What an operator has saved, a refresh of the catalogue leaves as it is. It knows of no
        fallbacks."""
        if not change or set(form.changed_data) != {"fallbacks"}:
            obj.edited = True
        super().save_model(request, obj, form, change)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are their users'; an operator can see whose there are, and delete them."""

    may = frozenset({"delete"})
    list_display = ("provider", "last4", "who", "description", "created_at", "last_used_at")
    list_filter = ("provider",)
    list_select_related = ("provider",)
    who = user_column()
    search_fields = ("user__username", "=user__id")
    date_hierarchy = "created_at"
    fields = (
        *("provider", "last4", "user", "session_id", "description"),
        *("created_at", "updated_at", "last_used_at"),
    )

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        self._tell(request, [obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        self._tell(request, queryset)
        super().delete_queryset(request, queryset)

    @staticmethod
    def _tell(request: HttpRequest, keys: Iterable[ApiKey]) -> None:
        for key in keys:
            security_log.record(
                EventName.KEY_DELETED,
                user_id=key.user_id,
                actor_id=request.user.pk,
                details={"provider": key.provider_id, "last4": key.last4},
            )


@admin.register(McpConnection)
class McpConnectionAdmin(ReadOnlyAdmin):
    """Connections are their users'; an operator sees whose there are and how they do, and deletes
    them. Paths and queries, in which secrets may be, are not shown."""

    may = frozenset({"delete"})
    who = user_column()
    list_display = ("name", "who", "host", "transport", "enabled", "state", "created_at")
    list_filter = ("state", "enabled", "transport", "auth")
    search_fields = ("name", "user__username", "=user__id")
    date_hierarchy = "created_at"
    fields = (
        *("name", "user", "host", "transport", "auth", "enabled", "allowed_tools"),
        *("require_approval", "state", "last_error", "created_at", "updated_at"),
    )

    @admin.display(description=_("host"))
    def host(self, connection: McpConnection) -> str:
        return urlsplit(connection.url).netloc


@admin.register(McpConnectionShare)
class McpConnectionShareAdmin(ShareAdmin):
    """Who uses whose connections."""
