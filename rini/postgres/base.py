"""Django's backend for PostgreSQL, but its pool hands out no connection that the server has ended.

The pool's own check (``CONN_HEALTH_CHECKS``) costs a round trip with every connection, and pauses
for a second after the first broken one, for two after the next and so on: after a restart of
PostgreSQL every request failed for half a minute.
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


def _is_broken(connection: psycopg.Connection[Any]) -> bool:
    """Asks the server only if it has said something: to an idle connection that is its end."""
    try:
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        if socket.poll(0):
            ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return True
    return False
