"""Whose a row was is forgotten with its user; what it cost stays.

The user, its tokens and its sessions get pseudonyms in the ledger, the rollups and the holds. They
are made with a random salt that nobody keeps, so that nothing leads back from them; calls of one
session stay together.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction

from billing import budgets, counters
from billing.models import Budget, Rollup, Scope
from rini.storage.statements import execute

_PSEUDONYMS = ", ".join(
    f"{name} = md5({name}::text || %s)::uuid" for name in ("user_id", "token_id", "session_id")
)
_STATEMENTS = [
    f"UPDATE {table} SET {_PSEUDONYMS}{further} WHERE user_id = %s"  # noqa: S608  # names from here
    for table, further in (
        ("billing_hold", ", message_id = NULL, request_id = ''"),
        ("billing_usagerecord", ", message_id = NULL, request_id = ''"),
        ("billing_rollup", ""),
    )
]


@transaction.atomic
def forget(user: Any) -> None:
    """Give a deleted user's calls pseudonyms, those too that are under way."""
    counters.exclude()  # a settlement at the same moment would bring the names back
    rollups = Rollup.objects.filter(user_id=user.pk).exclude(session_id=None)
    sessions = rollups.values_list("session_id", flat=True)
    budgets.remove(Budget.objects.filter(scope=Scope.SESSION, subject_id__in=list(sessions)))
    salt = secrets.token_hex(32)
    execute("SELECT set_config('billing.forgotten_user', %s, true)", [str(user.pk)])
    for statement in _STATEMENTS:
        execute(statement, [salt, salt, salt, user.pk])
    execute("SELECT set_config('billing.forgotten_user', '', true)", [])


def forget_deleted(instance: Any, **_: Any) -> None:
    """A signal's receiver."""
    forget(instance)
