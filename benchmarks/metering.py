"""What a hold and its settlement cost a request, at 64 at the same time.

    python -m benchmarks.metering [calls] [budgets]

Process CPU is Rini's own, PostgreSQL's runs beside it. `budgets`: 0, or how many apply to each call
(of a user, of a token, of the installation).
"""

from __future__ import annotations

import asyncio
import sys
import time
from uuid import UUID, uuid4

from benchmarks.installation import installation

PARALLEL = 64


def main(calls: int = 20_000, budgets: int = 2) -> None:
    with installation():
        from django.db import connections

        from billing.models import Price

        Price.objects.create(provider="bench", model="m", input_rate=10**9, output_rate=2 * 10**9)
        user, token = uuid4(), uuid4()
        _give_budgets([("user", user), ("token", token), ("installation", None)][:budgets])
        connections.close_all()
        asyncio.run(_measure(1000, user, token))
        before, began = time.process_time(), time.perf_counter()
        waits = asyncio.run(_measure(calls, user, token))
        cpu, wall = time.process_time() - before, time.perf_counter() - began
        waits.sort()
        half, most = waits[calls // 2] * 1000, waits[calls * 99 // 100] * 1000
        sys.stdout.write(
            f"{calls} calls, {PARALLEL} at a time, {budgets} budgets: "
            f"{cpu / calls * 1000:.3f} ms CPU a call, {calls / wall:.0f} calls/s, "
            f"hold p50 {half:.1f} ms, p99 {most:.1f} ms\n"
        )


def _give_budgets(subjects: list[tuple[str, UUID | None]]) -> None:
    from billing import budgets
    from billing.models import Budget

    for scope, subject in subjects:
        budgets.put(Budget(scope=scope, subject_id=subject, limit_nano=10**15, period="day"))


async def _measure(calls: int, user: UUID, token: UUID) -> list[float]:
    from billing import holds
    from billing.holds import Payer
    from billing.ledger import Outcome
    from billing.models import UsageSource, UsageStatus
    from billing.purposes import Purpose
    from billing.usage import Usage

    payer = Payer(user, Purpose.CHAT, token)
    usage = Usage(input_tokens=200, output_tokens=100, cached_input_tokens=0, reasoning_tokens=0)
    outcome = Outcome(UsageStatus.COMPLETED, usage, UsageSource.VENDOR, "m-2026", "", 120, 900)
    waits: list[float] = []
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            hold_id, began = uuid4(), time.perf_counter()
            await holds.place(
                hold_id,
                payer,
                provider="bench",
                model="m",
                estimated_input_tokens=200,
                max_output_tokens=1000,
            )
            waits.append(time.perf_counter() - began)
            await holds.settle(hold_id, outcome)

    await asyncio.gather(*(caller() for _ in range(PARALLEL)))
    return waits


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
