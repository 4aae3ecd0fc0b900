"""Whom the operator's keys serve (`LEND_OPERATOR_KEYS`): whoever pays wants to know that there is
an end to it.

``always``: everybody. ``never``: nobody. ``limited``: who has a hard budget (of the installation
or the account) or a limit per minute (of everybody or the account). What bounds an API token does
not count: its owner has chosen that, and could choose a million dollars. The operators themselves,
as superusers, borrow nothing.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Q

from accounts.models import User
from billing.models import Budget, Scope
from rini.errors import Forbidden
from rini.storage.remembered import Remembered
from rini.translation import gettext as _
from rini.translation import gettext_noop

_NOT_LENT = gettext_noop(
    "The operator's key for %(provider)s does not serve this account. Add a key of your own with "
    "POST /api-keys/, or have the operator set LEND_OPERATOR_KEYS=always."
)
_NOT_LENT_WITHOUT_LIMIT = gettext_noop(
    "The operator's key for %(provider)s does not serve this account, which has no budget and no "
    "limit. Add a key of your own with POST /api-keys/, or have the operator give this account a "
    "budget or a limit per minute, or set LEND_OPERATOR_KEYS=always."
)


def is_lent(user: User) -> bool:
    """Whether an account may use keys that the operator pays for. Needs the database."""
    how = settings.LEND_OPERATOR_KEYS
    if how == "always" or user.is_superuser:
        return True
    return how == "limited" and (_has_rate(user) or _has_budget(user.pk))


def check(user: User, provider: str) -> None:
    """Raise `Forbidden`, with what to do, unless `is_lent`."""
    if is_lent(user):
        return
    message = _NOT_LENT_WITHOUT_LIMIT if settings.LEND_OPERATOR_KEYS == "limited" else _NOT_LENT
    raise Forbidden(_(message) % {"provider": provider}, code="operator_key_not_lent")


def _has_rate(user: User) -> bool:
    usual = (settings.REQUESTS_PER_MINUTE, settings.TOKENS_PER_MINUTE)
    own = (user.requests_per_minute, user.tokens_per_minute)
    return any(u if o is None else o for u, o in zip(usual, own, strict=True))


def _ask_budget(user_id: UUID) -> bool:
    of_caller = Q(scope=Scope.INSTALLATION) | Q(scope=Scope.USER, subject_id=user_id)
    return Budget.objects.filter(of_caller, hard=True).exists()


# Every call with a lent key asks for it; what an operator changes is seen a moment later.
_has_budget = Remembered(_ask_budget, seconds=settings.CATALOGUE_REMEMBERED_SECONDS)
