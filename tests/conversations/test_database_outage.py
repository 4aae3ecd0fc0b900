"""The database may go away for a moment without an answer being lost."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import generate
from tests.conversations.reading import Reader
from tests.rini_server import RiniServer
from tests.vendors.script import Script
from tests.vendors.stage import Stage


def cut_all_connections() -> None:
    """Break every connection to the database but the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_an_answer_survives_broken_connections_whole(
    alice: User, session: str, stage: Stage, server: RiniServer, other_server: RiniServer
) -> None:
    script = Script(pieces=[f"{n}번 " for n in range(150)], delay=0.02)
    stage.next(script)
    begun = generate(alice, session)
    readers = [
        Reader(alice, "GET", f"{one.url}/generations/{begun['id']}/events")
        for one in (server, other_server)
    ]
    for reader in readers:
        reader.seen(5)
    for _ in range(8):
        cut_all_connections()
        time.sleep(0.15)
    for reader in readers:
        assert reader.ended(60).type == "generation.completed"
        assert reader.text == "".join(script.pieces or ())
        numbers = [event.id for event in reader.events]
        assert numbers == list(range(1, len(numbers) + 1))
    assert readers[0].events == readers[1].events
    row = UsageRecord.objects.get()
    assert (row.status, row.usage_source) == ("completed", "vendor")


def test_connections_that_broke_while_idle_are_not_used(alice: User) -> None:
    with ThreadPoolExecutor(30) as crowd:  # so that the pool has many connections
        answers = [crowd.submit(alice.get, "/sessions/") for _ in range(60)]
    assert {answer.result().status_code for answer in answers} == {200}
    cut_all_connections()
    assert [alice.get("/sessions/").status_code for _ in range(12)] == [200] * 12


HOT = [
    *("accounts_user", "providers_apikey", "billing_budget", "billing_hold", "billing_usagerecord"),
    *("conversations_session", "conversations_message", "conversations_generation"),
    "conversations_journalsegment",
]


def test_a_process_from_before_a_migration_serves_on(
    alice: User, session: str, stage: Stage
) -> None:
    def ask() -> None:
        body = {"text": "질문", "provider": "local", "model": "played", "session_id": session}
        answer = alice.post("/llm/text-completion/", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["assistant_message"]["status"] == "complete"

    for _ in range(3):
        ask()
    change_tables("ADD COLUMN of_a_later_version integer NOT NULL DEFAULT 7")
    try:
        for _ in range(3):
            ask()
    finally:
        change_tables("DROP COLUMN of_a_later_version")
    ask()
    rows = UsageRecord.objects.values_list("status", "usage_source")
    assert list(rows) == [("completed", "vendor")] * 7


def change_tables(change: str) -> None:
    with connection.cursor() as cursor:
        for table in HOT:
            cursor.execute(f"ALTER TABLE {table} {change}")
