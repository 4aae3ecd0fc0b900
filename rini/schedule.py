"""The clock: which task runs how often. Times are in seconds. Pure."""

from __future__ import annotations

from typing import Any

TASKS: dict[str, dict[str, Any]] = {
    "reap-generations": {"task": "conversations.tasks.reap", "schedule": 5.0},
    "sweep-holds": {"task": "providers.tasks.sweep", "schedule": 5.0},
    "delete-expired-sessions": {
        "task": "conversations.tasks.delete_expired_sessions",
        "schedule": 300.0,
    },
    "forget-answers": {"task": "rini.tasks.forget_answers", "schedule": 3600.0},
    "index-missed": {"task": "conversations.tasks.index_missed", "schedule": 120.0},
    "requeue-imports": {"task": "conversations.tasks.requeue_imports", "schedule": 60.0},
    "sweep-files": {"task": "conversations.tasks.sweep_files", "schedule": 86400.0},
    "requeue-documents": {"task": "knowledge.tasks.requeue", "schedule": 15.0},
    "sweep-documents": {"task": "knowledge.tasks.sweep_files", "schedule": 86400.0},
    "drop-indexes": {"task": "knowledge.tasks.drop_indexes", "schedule": 86400.0},
    "trim-journal": {"task": "conversations.tasks.trim_journal", "schedule": 3600.0},
    "make-ledger-partitions": {"task": "billing.tasks.make_partitions", "schedule": 86400.0},
    "trim-ledger": {"task": "billing.tasks.trim_ledger", "schedule": 86400.0},
    "forget-refresh-tokens": {"task": "accounts.tasks.forget_refresh_tokens", "schedule": 86400.0},
    "trim-security-log": {"task": "accounts.tasks.trim_security_log", "schedule": 86400.0},
}
