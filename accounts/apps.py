from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        post_delete.connect(_forget_answers, sender="accounts.User")


def _forget_answers(instance: Any, **_: Any) -> None:
    """The answers that are kept for retries go with their user; they have no foreign key."""
    from rini.web import idempotency

    idempotency.forget_owner(instance.pk)
