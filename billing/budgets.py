"""Budgets: who may spend how much in which time, and the refusal of what goes beyond.

A budget is checked before a vendor is called, by the most that the call may cost; so spending never
passes it by more than a vendor's counts pass Rini's estimate of the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from billing import counters, periods
from billing.counters import Counter
from billing.models import Budget, BudgetWindow, Hold, Period, Rollup, Scope
from billing.periods import Window
from rini.errors import BudgetExceeded
from rini.money import dollars
from rini.translation import gettext as _
from rini.translation import gettext_noop

log = structlog.get_logger(__name__)


def take(counted: Sequence[Counter], amount: int) -> BudgetExceeded | None:
    """Hold `amount` of every budget, or of none: then the refusal. A free call is never refused."""
    for counter in counted:
        if counter.budget.hard and amount > 0 and amount > counter.remaining:
            return refusal(counter, amount)
    for counter in counted:
        before, limit = counter.spent + counter.held, counter.budget.limit_nano
        counter.held += amount
        if before <= limit < before + amount:
            log.warning("a budget is exceeded", budget=str(counter.budget))
    return None


_PER = {
    Period.DAY: gettext_noop("a day"),
    Period.WEEK: gettext_noop("a week"),
    Period.MONTH: gettext_noop("a month"),
    Period.TOTAL: gettext_noop("in total"),
}


def refusal(counter: Counter, amount: int) -> BudgetExceeded:
    """The error that names the budget, what remains and when it resets."""
    budget, ends_at = counter.budget, counter.window.ends_at
    resets = (
        _("It does not reset.")
        if ends_at is None
        else _("It resets at %(time)s.") % {"time": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"}
    )
    refused = BudgetExceeded(
        _(
            "The budget of this %(scope)s, $%(limit)s %(per)s, has $%(remaining)s left "
            "($%(spent)s spent, $%(held)s held by calls under way), and this call may cost "
            "up to $%(amount)s. %(resets)s A smaller max_tokens lowers what a call may cost."
        )
        % {
            "scope": Scope(budget.scope).label,
            "limit": dollars(budget.limit_nano),
            "per": _(_PER[Period(budget.period)]),
            "remaining": dollars(counter.remaining),
            "spent": dollars(counter.spent),
            "held": dollars(counter.held),
            "amount": dollars(amount),
            "resets": resets,
        }
    )
    refused.scope = budget.scope
    return refused


@transaction.atomic
def put(budget: Budget, at: datetime | None = None) -> Budget:
    """Save a new or changed budget, with what was spent in its window of now (`at`) before."""
    counters.exclude()
    budget.save()
    window = periods.window(budget.period, budget.timezone, at or timezone.now())
    budget.windows.all().delete()
    BudgetWindow.objects.create(
        budget=budget,
        starts_at=window.starts_at,
        spent_nano=_spent(budget, window),
        held_nano=_held(budget, window),
    )
    return budget


@transaction.atomic
def remove(found: Iterable[Budget]) -> None:
    """Delete budgets."""
    counters.exclude()
    Budget.objects.filter(pk__in=[budget.pk for budget in found]).delete()


def of_subject(scope: str, subject_id: UUID) -> Budget | None:
    """The subject's budget: that of the shortest period, if it has several."""
    found = Budget.objects.filter(scope=scope, subject_id=subject_id)
    return min(found, key=lambda budget: _LENGTHS.index(Period(budget.period)), default=None)


def replace(scope: str, subject_id: UUID, budget: Budget | None) -> None:
    """Make `budget` the only one of a subject; None leaves it without."""
    with transaction.atomic():
        remove(Budget.objects.filter(scope=scope, subject_id=subject_id))
        if budget is not None:
            put(budget)


def standing(found: Iterable[Budget], at: datetime) -> list[Counter]:
    """Budgets with what is spent and held of them in the window around `at`."""
    rows = list(found)
    known = {
        (row.budget_id, row.starts_at): row for row in BudgetWindow.objects.filter(budget__in=rows)
    }
    counted = []
    for budget in rows:
        window = periods.window(budget.period, budget.timezone, at)
        row = known.get((budget.id, window.starts_at))
        spent, held = (row.spent_nano, row.held_nano) if row else (0, 0)
        counted.append(Counter(budget, window, spent, held))
    return counted


_LENGTHS = list(Period)


def _subject(budget: Budget) -> Q:
    """The rows that count against a budget, among holds or rollups."""
    match Scope(budget.scope):
        case Scope.INSTALLATION:
            return Q()
        case Scope.USER:
            return Q(user_id=budget.subject_id)
        case Scope.TOKEN:
            return Q(token_id=budget.subject_id)
        case Scope.SESSION:
            return Q(session_id=budget.subject_id)
        case never:
            assert_never(never)


def _spent(budget: Budget, window: Window) -> int:
    """By the rollups: windows begin and end with quarters of an hour."""
    within = Q(bucket__gte=window.starts_at)
    if window.ends_at:
        within &= Q(bucket__lt=window.ends_at)
    rows = Rollup.objects.filter(_subject(budget), within)
    return rows.aggregate(sum=Sum("charged_nano"))["sum"] or 0


def _held(budget: Budget, window: Window) -> int:
    within = Q(created_at__gte=window.starts_at)
    if window.ends_at:
        within &= Q(created_at__lt=window.ends_at)
    rows = Hold.objects.filter(_subject(budget), within)
    return rows.aggregate(sum=Sum("amount_nano"))["sum"] or 0
