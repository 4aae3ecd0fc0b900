"""Whether every call has its one row in the ledger, however often the servers are killed.

    python -m benchmarks.kills [kills] [steady]

Rini runs as `manage.py up` runs it, with its default settings, under a mixed load (`kills_load`).
Its web process is killed again and again, 1–4 s after it came back, now and then the worker too.
Then there is to be, for every call that the played vendors saw, exactly one row; within a minute of
each restart no hold from before it; at the end no hold at all, and rollups and the budget's counter
that are the sums of the rows. Otherwise the exit status is 1, and what differs is shown.

`manage.py up` lets who dies within a minute wait longer and longer, up to 30 s. That is all that is
changed here: who has run for `steady` seconds (0) is started again at once. With 60 it is as
usual; 200 kills take two hours then. It needs Linux.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from benchmarks.kills_load import Clients, Vendors
from benchmarks.kills_rini import Rini, running
from rini.running.supervision import StartError, signals_interrupt
from tests.vendors.stage import Stage

SETTLED_WITHIN = 60.0
BACK_WITHIN = 120.0
WORKER_SHARE = 0.1  # of the kills
SHOWN = 20
_chance = random.SystemRandom()
Database = psycopg.AsyncConnection[Any]


def main(kills: int = 200, steady: int = 0) -> None:
    signals_interrupt()
    deadline = 300 + kills * (60 if steady else 20)
    try:
        with Stage() as stage, running(stage, steady) as rini:
            soak = Soak(rini, Vendors(stage))
            asyncio.run(soak.run(kills, deadline))
            soak.report()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None
    except TimeoutError:
        raise SystemExit(f"it did not end within {deadline} s") from None
    except StartError as error:
        raise SystemExit(str(error)) from error
    if soak.differences:
        raise SystemExit(f"the promise is broken: {len(soak.differences)} differences")


@dataclass(eq=False)
class Kill:
    """A death of the web process, and when the next one answered, by the monotonic clock."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    back: float | None = None


class Soak:
    def __init__(self, rini: Rini, vendors: Vendors) -> None:
        self.differences: list[str] = []
        self._rini = rini
        self._vendors = vendors
        self._clients = Clients(rini.url)
        self._kills: list[Kill] = []
        self._unsettled: list[Kill] = []
        self._worker_kills = 0
        self._holds = 0
        self._longest = 0.0
        self._found: list[str] = []

    async def run(self, kills: int, deadline: float) -> None:
        """Kill under load, let everything end, and compare. Raises `TimeoutError`."""
        self._rini.give_budget()
        connecting = psycopg.AsyncConnection.connect(self._rini.database_url, autocommit=True)
        async with asyncio.timeout(deadline), await connecting as database:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch(database))
                asking = group.create_task(self._clients.ask())
                while len(self._kills) < kills and not self.differences:
                    await asyncio.sleep(_chance.uniform(1, 4))
                    if _chance.random() < WORKER_SHARE:
                        self._worker_kills += self._rini.kill("worker")
                    elif self._rini.kill("rini.server"):
                        await self._killed(last=asking if len(self._kills) + 1 == kills else None)
                asking.cancel()
                await self._let_end()
                watching.cancel()
            self._vendors.take()
            await self._compare(database)

    async def _killed(self, last: asyncio.Task[None] | None) -> None:
        """Note a death of the web process, and wait for the next. With the last the load ends."""
        kill = Kill()
        self._kills.append(kill)
        self._unsettled.append(kill)
        if last:
            last.cancel()
        began = time.monotonic()
        while not kill.back:
            if await asyncio.to_thread(self._rini.answers):
                kill.back = time.monotonic()
            elif time.monotonic() - began > BACK_WITHIN:
                self.differences.append(f"the web process did not come back, killed at {kill.at}")
                return
            await asyncio.sleep(0.05)
        if len(self._kills) % 10 == 0:
            _say(
                f"{datetime.now():%H:%M:%S} {len(self._kills)} kills, "
                f"{self._vendors.seen.total()} calls, {self._holds} holds, "
                f"longest to settle {self._longest:.1f} s"
            )

    async def _watch(self, database: Database) -> None:
        """See when the holds from before each kill are gone."""
        while True:
            self._vendors.take()
            judged = [(kill, kill.back) for kill in self._unsettled if kill.back is not None]
            found = await database.execute("SELECT count(*), min(created_at) FROM billing_hold")
            self._holds, oldest = await found.fetchone() or (0, None)
            for kill, back in judged:
                took = time.monotonic() - back
                if oldest is None or oldest > kill.at:
                    self._longest = max(self._longest, took)
                    self._unsettled.remove(kill)
                elif took > SETTLED_WITHIN:
                    await self._differ(database, f"held since before {kill.at}", _OLD, [kill.at])
                    self._unsettled.remove(kill)
            await asyncio.sleep(0.2)

    async def _let_end(self) -> None:
        """Wait until there is no hold, at most a minute from the last restart."""
        began = self._kills[-1].back or time.monotonic()
        while (took := time.monotonic() - began) < SETTLED_WITHIN + 1:
            if not self._holds and not self._unsettled:
                self._found.append(f"no hold {took:.1f} s after the last restart")
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)  # an answer is stored just after its hold is settled

    async def _compare(self, database: Database) -> None:
        seen, asked = self._vendors.seen, self._clients.asked
        rows = await (await database.execute(_ROWS)).fetchall()
        times = Counter(row[0] for row in rows)
        for identity in seen:
            if seen[identity] != 1 or times[identity] != 1:
                self.differences.append(
                    f"{identity} ({asked.get(identity)}): the vendors saw it {seen[identity]} "
                    f"times, the ledger has {times[identity]} rows"
                )
        unseen = [row for row in rows if row[0] not in seen]
        self.differences += [f"no vendor saw it, but: {row}" for row in unseen if _is_wrong(row)]
        for name, statement in _DIFFERENCES.items():
            await self._differ(database, name, statement)
        self._found += [
            f"{len(self._kills)} kills, and {self._worker_kills} of the worker",
            f"longest to settle what was before a kill: {self._longest:.1f} s after the restart",
            f"{len(asked)} requests: {_counted(self._clients.answers)}",
            f"{seen.total()} calls that the vendors saw",
            f"{len(rows)} rows: {_endings(rows)}",
            f"{len(unseen)} of them of calls that no vendor saw: {_endings(unseen)}",
        ]

    async def _differ(
        self, database: Database, name: str, statement: str, parameters: Sequence[Any] = ()
    ) -> None:
        """Note the rows of a statement that is to find none."""
        found = await database.execute(statement, parameters or None)
        names = [column.name for column in found.description or ()]
        for row in await found.fetchall():
            told = ", ".join(f"{n} {value}" for n, value in zip(names, row, strict=True))
            self.differences.append(f"{name}: {told}")

    def report(self) -> None:
        errors = self._rini.errors()
        for line in (*self._found, f"{len(errors)} errors in its log", *errors[:SHOWN]):
            _say(line[:300])
        _say(f"{len(self.differences)} differences")
        for line in self.differences[:SHOWN]:
            _say(f"  {line}")
        if self.differences:
            _say(f"killed at {', '.join(f'{kill.at:%H:%M:%S.%f}' for kill in self._kills)}")


def _is_wrong(row: Sequence[Any]) -> bool:
    """Whether the row of a call that no vendor saw says more than that.

    Its process died between the hold and the connection, or its reader went away then: the prompt
    counts as sent. If the connection failed it costs nothing.
    """
    _, status, source, output_tokens, charged = row
    if status == "failed":
        return bool(output_tokens or charged)
    return status not in {"interrupted", "stopped"} or source != "estimated" or output_tokens != 0


def _endings(rows: Sequence[Sequence[Any]]) -> str:
    """How often each status came with each source of the usage."""
    return _counted(Counter(f"{status}/{source}" for _, status, source, *_ in rows))


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common()) or "none"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


_OLD = """
    SELECT hold.id, request_id, message_id, created_at, process_id, beat_at, now()
    FROM billing_hold hold LEFT JOIN rini_process process ON process.id = process_id
    WHERE created_at <= %s
"""
_ROWS = """
    SELECT request_id, status, usage_source, output_tokens, charged_nano FROM billing_usagerecord
    WHERE corrects_id IS NULL
"""
_KEY = "user_id, token_id, session_id, provider, model, purpose"
_DIFFERENCES = {
    "a hold is left": "SELECT * FROM billing_hold",
    "an answer still runs": "SELECT * FROM conversations_generation WHERE status = 'running'",
    "rows and rollups": f"""
        WITH rows AS (
            SELECT {_KEY}, date_bin('15 minutes', created_at, '2000-01-01') AS bucket,
                count(*) AS calls, coalesce(sum(input_tokens), 0) AS input,
                coalesce(sum(output_tokens), 0) AS output, coalesce(sum(cost_nano), 0) AS cost,
                sum(charged_nano) AS charged, count(*) FILTER (WHERE cost_nano IS NULL) AS unpriced
            FROM billing_usagerecord GROUP BY {_KEY}, bucket
        ), rollups AS (
            SELECT {_KEY}, bucket, calls, input_tokens, output_tokens, cost_nano, charged_nano,
                unpriced_calls FROM billing_rollup
        )
        (SELECT 'rows' AS of, * FROM rows EXCEPT SELECT 'rows', * FROM rollups)
        UNION ALL (SELECT 'rollup', * FROM rollups EXCEPT SELECT 'rollup', * FROM rows)
    """,  # noqa: S608  # ours
    "the budget's counter": """
        SELECT * FROM (
            SELECT count(*) AS windows, sum(spent_nano) AS spent, sum(held_nano) AS held
            FROM billing_budgetwindow
        ) w, (SELECT coalesce(sum(charged_nano), 0) AS charged FROM billing_usagerecord) r
        WHERE windows <> 1 OR held <> 0 OR spent <> charged
    """,
}

if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
