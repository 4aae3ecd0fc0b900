from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.admin import apps as administration
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models.signals import post_delete, pre_delete
from django.utils.translation import gettext_lazy as _

from rini.errors import Forbidden


class AdministrationConfig(administration.AdminConfig):
    """Django's administration, with logins of our own."""

    default = False  # "accounts" alone means the app
    default_site = "accounts.admin_site.Site"


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from rini.web import refusals

        pre_delete.connect(_leave_groups, sender="accounts.User")
        post_delete.connect(_forget_answers, sender="accounts.User")
        # Who logs in to the administration; the API tells of its logins itself.
        user_logged_in.connect(_note_login)
        user_login_failed.connect(_note_failed_login)
        refusals.register(_note_refusal)


def _leave_groups(instance: Any, **_: Any) -> None:
    """No group is left to nobody, whoever deletes an account."""
    from accounts import groups

    groups.leave_all(instance, hand_over=True)


def _forget_answers(instance: Any, **_: Any) -> None:
    """The answers that are kept for retries go with their user; they have no foreign key."""
    from rini.web import idempotency

    idempotency.forget_owner(instance.pk)


def _note_login(user: Any, **_: Any) -> None:
    from accounts import security_log
    from accounts.models import EventName

    security_log.record(EventName.LOGIN, user_id=user.pk, details={"at": "administration"})


def _note_failed_login(credentials: dict[str, Any], **_: Any) -> None:
    from accounts import security_log, throttles
    from accounts.models import EventName

    user = throttles.account_of(str(credentials.get("username") or ""))
    details = {"at": "administration", "wrong": "password" if user else "name"}
    security_log.record(EventName.LOGIN_FAILED, user_id=user.pk if user else None, details=details)


def _note_refusal(error: Forbidden) -> None:
    from accounts import security_log
    from accounts.models import EventName

    details = {"code": error.code, "detail": error.detail[:200]}
    security_log.record(EventName.REFUSED, details=details)
