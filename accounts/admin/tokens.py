"""API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import security_log
from accounts.admin.links import user_column
from accounts.models import ApiToken, EventName
from rini.admin import ReadOnlyAdmin
from rini.asking_first import ask_first, note


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are made by their users; an operator can look at them and revoke them."""

    may = frozenset({"delete"})
    list_display = ("name", "prefix", "who", "created_at", "expires_at", "last_used_at")
    who = user_column()
    search_fields = ("name", "prefix", "user__username", "user__id")
    date_hierarchy = "created_at"
    fields = (
        *("name", "prefix", "user", "allowed_models", "requests_per_minute", "tokens_per_minute"),
        *("created_at", "expires_at", "last_used_at", "former_valid_until"),
    )
    actions = ("revoke",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # it is what "revoke" does
        return actions

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        token_id = obj.pk
        super().delete_model(request, obj)
        obj.pk = token_id  # Django has taken it away, and the log names the token by it
        tell_of_deletion(request, obj)

    @admin.action(description=_("Revoke: delete them, their secrets too"), permissions=["delete"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> HttpResponse | None:
        question = ngettext("Revoke %d token?", "Revoke %d tokens?", tokens.count())
        if page := ask_first(request, tokens, question % tokens.count()):
            return page
        revoked = list(tokens.select_related("user"))
        note(request, revoked, _("Revoked."), deleted=True)
        count = len(revoked)
        tokens.delete()
        for token in revoked:
            tell_of_deletion(request, token)
        self.message_user(
            request, ngettext("%d token is revoked.", "%d tokens are revoked.", count) % count
        )
        return None


def tell_of_deletion(request: HttpRequest, token: ApiToken) -> None:
    details = {"name": token.name, "prefix": token.prefix, "by": "operator"}
    security_log.record(
        EventName.TOKEN_DELETED,
        user_id=token.user_id,
        actor_id=request.user.pk,
        token_id=token.pk,
        details=details,
    )
