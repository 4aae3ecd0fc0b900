"""PostgreSQL's advisory locks: every one that Rini takes is named here.

A lock is held to the end of the transaction. Its number is for all processes of all versions: one
that is in use keeps it.
"""

from __future__ import annotations

from enum import IntEnum, unique

from rini.storage.statements import execute


@unique
class Lock(IntEnum):
    BUDGETS = 7_246_031
    """Batches of calls share it; whoever sets up or removes a budget's counters has it alone."""
    CORRECTIONS = 7_246_032
    """Whoever corrects the ledger: two would both add the same difference."""
    ANSWERS_OF_USER = 7_246_033
    """One for each user: two answers of a user are not let in at the same moment."""


_ALONE = "SELECT pg_advisory_xact_lock(%s)"
_ALONE_FOR = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
_SHARED = "SELECT pg_advisory_xact_lock_shared(%s)"


def hold(lock: Lock, whose: object = None) -> None:
    """Have `lock` alone, waiting for whoever holds it; with `whose` only among those of the same.

    (By a hash: two who have nothing to do with each other may wait for each other too.)
    """
    if whose is None:
        execute(_ALONE, [lock.value])
    else:
        execute(_ALONE_FOR, [lock.value, str(whose)])


def share(lock: Lock) -> None:
    """Have `lock` together with everybody else who shares it."""
    execute(_SHARED, [lock.value])
