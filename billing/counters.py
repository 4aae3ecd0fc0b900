"""The counters of budgets: what is spent and held in a window, changed under its row's lock.

Whoever changes counters is in a transaction and has called `share`. Locks are always taken in one
order, so that no two batches wait for each other: the shared lock, holds by id, counters by budget
and window, rollups by their key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from billing import periods
from billing.models import Budget
from billing.periods import Window
from rini.storage import locks
from rini.storage.locks import Lock
from rini.storage.statements import execute, names, selected

Row = Mapping[str, Any]
"""A hold's or a ledger row's columns; read are `id`, `created_at` and the ids of its subjects."""
_Key = tuple[UUID, datetime]
"""A budget, and when a window of it starts."""
_Budgets = Mapping[UUID | None, Sequence[Budget]]
"""By whose they are; None: the installation's."""
SUBJECTS = ("user_id", "token_id", "session_id")


def share() -> None:
    """From here to the end of the transaction nobody sets up or removes counters."""
    locks.share(Lock.BUDGETS)


def exclude() -> None:
    """From here to the end of the transaction nobody changes counters, holds or the ledger."""
    locks.hold(Lock.BUDGETS)


@dataclass(slots=True)
class Counter:
    """A budget in the window of some moment."""

    budget: Budget
    window: Window
    spent: int
    held: int

    @property
    def remaining(self) -> int:
        """What calls may still be promised; never below 0."""
        return max(0, self.budget.limit_nano - self.spent - self.held)


# The update changes nothing: it locks the rows that exist in the order of the keys, and returns
# them with the new ones.
_OPEN = """
    INSERT INTO billing_budgetwindow AS counter (budget_id, starts_at, spent_nano, held_nano)
    SELECT budget_id, starts_at, 0, 0
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS key (budget_id, starts_at)
    ORDER BY budget_id, starts_at
    ON CONFLICT (budget_id, starts_at) DO UPDATE SET held_nano = counter.held_nano
    RETURNING budget_id, starts_at, spent_nano, held_nano
"""
_LOCKED = """
    SELECT budget_id, starts_at, spent_nano, held_nano FROM billing_budgetwindow
    WHERE (budget_id, starts_at) IN (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]))
    ORDER BY budget_id, starts_at FOR UPDATE
"""
_STORE = """
    UPDATE billing_budgetwindow AS counter SET spent_nano = new.spent, held_nano = new.held
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[])
        AS new (budget_id, starts_at, spent, held)
    WHERE counter.budget_id = new.budget_id AND counter.starts_at = new.starts_at
"""


class Counters:
    """The counters of all budgets that apply to some rows, locked, as they are now."""

    def __init__(self, rows: Sequence[Row], *, opening: bool) -> None:
        """`opening`: make those that do not exist, as the first call of a window needs it."""
        self._locked: dict[_Key, Counter] = {}
        self._keys: dict[UUID, list[_Key]] = {}
        budgets = _by_subject(rows)
        if budgets:
            windows = _Windows()
            for row in rows:
                self._keys[row["id"]] = windows.of(row, budgets)
            self._lock(windows.known, opening=opening)

    def of(self, row: Row) -> list[Counter]:
        """The counters that a call counts in. There is none for a window before its budget."""
        keys = self._keys.get(row["id"], ())
        return [self._locked[key] for key in keys if key in self._locked]

    def store(self) -> None:
        """Write the counters back."""
        changed = [(*key, c.spent, c.held) for key, c in self._locked.items()]
        if changed:
            execute(_STORE, [list(column) for column in zip(*changed, strict=True)])

    def _lock(self, windows: Mapping[_Key, tuple[Budget, Window]], *, opening: bool) -> None:
        keys = sorted(windows)
        columns = [[budget_id for budget_id, _ in keys], [starts_at for _, starts_at in keys]]
        for budget_id, starts_at, spent, held in execute(_OPEN if opening else _LOCKED, columns):
            budget, window = windows[budget_id, starts_at]
            self._locked[budget_id, starts_at] = Counter(budget, window, spent, held)


class _Windows:
    """The windows of budgets that some rows lie in; most lie in the same ones."""

    def __init__(self) -> None:
        self.known: dict[_Key, tuple[Budget, Window]] = {}
        self._of_budget: dict[UUID, list[Window]] = {}

    def of(self, row: Row, budgets: _Budgets) -> list[_Key]:
        keys = []
        for subject in (*(row[name] for name in SUBJECTS if row[name]), None):
            for budget in budgets.get(subject, ()):
                window = self._around(row["created_at"], budget)
                keys.append((budget.id, window.starts_at))
        return keys

    def _around(self, at: datetime, budget: Budget) -> Window:
        found = self._of_budget.setdefault(budget.id, [])
        for window in found:
            if window.starts_at <= at and (window.ends_at is None or at < window.ends_at):
                return window
        window = periods.window(budget.period, budget.timezone, at)
        found.append(window)
        self.known[budget.id, window.starts_at] = budget, window
        return window


_APPLICABLE = f"""
    SELECT {names(Budget)} FROM billing_budget
    WHERE subject_id = ANY(%s::uuid[]) OR subject_id IS NULL
"""  # noqa: S608  # names of columns


def _by_subject(rows: Sequence[Row]) -> _Budgets:
    ids = {row[name] for row in rows for name in SUBJECTS if row[name]}
    found: dict[UUID | None, list[Budget]] = {}
    for budget in selected(Budget, _APPLICABLE, [list(ids)]):
        found.setdefault(budget.subject_id, []).append(budget)
    return found
