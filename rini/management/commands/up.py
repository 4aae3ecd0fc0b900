"""`manage.py up`: see `rini.running.up`. (`manage.py` calls that without Django's apps.)"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from rini.running import up


class Command(BaseCommand):
    help = "Run Rini: PostgreSQL and Valkey where none are given, the web server and a worker."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        up.main()
