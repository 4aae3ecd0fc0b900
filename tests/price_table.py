"""How tests take back prices that they have added: the database itself refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def unlocked() -> Iterator[None]:
    """In this transaction the triggers sleep that keep prices and the ledger as they are."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
        yield
