"""PostgreSQL and Valkey: connections, statements, wake-ups, locks and what is remembered."""
