"""Django's backend for PostgreSQL, with two differences.

Its pool hands out no connection that the server has ended. The pool's own check
(``CONN_HEALTH_CHECKS``) costs a round trip with every connection, and pauses for a second after the
first broken one, for two after the next and so on: after a restart of PostgreSQL every request
failed for half a minute.

And it has a cursor whose statements PostgreSQL parses once a connection, for
`rini.storage.statements`. Django's own statements stay as they are: not all of them can be
prepared, and some have more parameters than the server takes.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_broken(connection):
            connection.close()
            self.pool.putconn(connection)  # which opens another in its place
            connection = super().get_new_connection(conn_params)
        return connection

    def prepared_cursor(self) -> Any:
        """A cursor of the current connection whose statements are prepared."""
        wrapper: Any = self  # Django's types know too little of it
        cursor: Any = base.ServerBindingCursor
        self.ensure_connection()
        with self.wrap_database_errors:
            return wrapper._prepare_cursor(cursor(wrapper.connection))


def _is_broken(connection: psycopg.Connection[Any]) -> bool:
    """Asks the server only if it has said something: to an idle connection that is its end."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return True
    return False
