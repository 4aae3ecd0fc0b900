"""``manage.py rerate --since 2026-10-01 --until 2026-11-01 [--provider …] [--model …]``"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from billing import corrections
from rini.money import dollars


class Command(BaseCommand):
    help = (
        "Charge the calls of a period by the prices as they are now, by rows that correct the old "
        "ones. Give the corrected price first, with the moment from which it should have held."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", required=True, type=_moment, help="a date or moment, UTC")
        parser.add_argument("--until", default=None, type=_moment, help="without it; default: now")
        parser.add_argument("--provider", default=None)
        parser.add_argument("--model", default=None)
        parser.add_argument("--dry-run", action="store_true", help="say it and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = {name: options[name] for name in ("provider", "model") if options[name]}
        calls: Counter[str] = Counter()
        amounts: Counter[str] = Counter()
        until = options["until"] or timezone.now()
        for page in corrections.rerated(options["since"], until, **wanted):
            for change in page:
                name = f"{change.record.provider}/{change.record.model}"
                calls[name] += 1
                amounts[name] += change.cost - (change.recorded or 0)
            if not options["dry_run"]:
                corrections.apply(page)
        for name in sorted(calls):
            self.stdout.write(f"{name}: {calls[name]} calls, {_signed(amounts[name])}")
        verb = "would be" if options["dry_run"] else "were"
        self.stdout.write(
            f"{calls.total()} calls {verb} corrected by {_signed(sum(amounts.values()))} in all."
        )


def _moment(text: str) -> datetime:
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day = moment = None
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    if moment is None:
        raise CommandError(f"{text!r} is neither a date nor a moment, as 2026-10-01T09:30:00Z is.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _signed(nano: int) -> str:
    return f"{'-' if nano < 0 else '+'}${dollars(abs(nano))}"
