from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import transaction

from rini.storage import locks
from rini.storage.database import connection_parameters
from rini.storage.locks import Lock

pytestmark = pytest.mark.usefixtures("database")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def other(database: None) -> Iterator[psycopg.Connection]:
    """Another process's connection."""
    with psycopg.connect(**connection_parameters(), autocommit=True) as connection:
        yield connection


def is_free(other: psycopg.Connection, *keys: int | str, shared: bool = False) -> bool:
    function = f"pg_try_advisory_xact_lock{'_shared' if shared else ''}"
    arguments = "%s" if len(keys) == 1 else "%s, hashtext(%s)"
    row = other.execute(f"SELECT {function}({arguments})", keys).fetchone()
    return bool(row and row[0])


def test_a_lock_is_one_s_own_to_the_end_of_the_transaction(other: psycopg.Connection) -> None:
    with transaction.atomic():
        locks.hold(Lock.CORRECTIONS)
        assert not is_free(other, Lock.CORRECTIONS.value)
        assert not is_free(other, Lock.CORRECTIONS.value, shared=True)
        assert is_free(other, Lock.BUDGETS.value)
    assert is_free(other, Lock.CORRECTIONS.value)


def test_a_shared_lock_keeps_out_only_who_wants_it_alone(other: psycopg.Connection) -> None:
    with transaction.atomic():
        locks.share(Lock.BUDGETS)
        assert is_free(other, Lock.BUDGETS.value, shared=True)
        assert not is_free(other, Lock.BUDGETS.value)


def test_one_user_s_lock_is_not_another_s(other: psycopg.Connection) -> None:
    with transaction.atomic():
        locks.hold(Lock.ANSWERS_OF_USER, "가")
        assert not is_free(other, Lock.ANSWERS_OF_USER.value, "가")
        assert is_free(other, Lock.ANSWERS_OF_USER.value, "나")
        assert is_free(other, Lock.ANSWERS_OF_USER.value)


def test_advisory_locks_are_taken_in_one_place() -> None:
    taking = [
        path.relative_to(ROOT).as_posix()
        for package in ("rini", "accounts", "billing", "providers", "conversations")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"pg_(try_)?advisory_", path.read_text())
    ]
    assert taking == ["rini/storage/locks.py"]
