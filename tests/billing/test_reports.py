from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.core.management import CommandError, call_command

from billing import partitions
from billing.models import Price, Rollup, UsageRecord
from billing.usage import Usage
from tests.admin_browser import AdminBrowser
from tests.billing.ledger_world import DOLLAR, PROVIDER, add_price, budget, check_sums, settled
from tests.conftest import User
from tests.rini_server import RiniServer

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)
MILLION = Usage(input_tokens=10**6, output_tokens=0)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def called(user: User, when: datetime = NOON, usage: Usage = MILLION, **fields: Any) -> UsageRecord:
    """A call of the user's; it has cost $1 unless `usage` says otherwise."""
    return settled(usage, user_id=UUID(user.user_id), created_at=when, **fields)


def get(user: httpx.Client, path: str, **query: Any) -> Any:
    answer = user.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def groups(user: httpx.Client, group_by: str, **query: Any) -> dict[str | None, str]:
    body = get(user, "/usage/summary", group_by=group_by, **query)
    return {row["group"]: row["cost"] for row in body["results"]}


def test_a_row_has_all_that_the_contract_names(priced: None, alice: User) -> None:
    used = Usage(input_tokens=5, cached_input_tokens=0, output_tokens=7)
    record = called(alice, usage=used, session_id=uuid4(), message_id=3)
    row = get(alice, "/usage/")["results"][0]
    assert row["usage"] == {"input_tokens": 5, "cached_input_tokens": 0, "output_tokens": 7}
    assert row["cost"] == "0.000019000"
    expected = {"id": str(record.id), "purpose": "chat", "provider": PROVIDER, "model": "모델"}
    expected |= {"session_id": str(record.session_id), "status": "completed"}
    assert row.items() >= {**expected, "message_id": 3, "usage_source": "vendor"}.items()


def test_pages_give_every_row_once_also_while_rows_are_added(priced: None, alice: User) -> None:
    moments = [NOON, NOON, NOON, *(NOON + timedelta(minutes=n) for n in range(4))]
    ids = {str(called(alice, moment).id) for moment in moments}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(alice, "/usage/", limit=2, **cursor)
        found += [row["id"] for row in page["results"]]
        called(alice, NOON + timedelta(days=1))
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(found) == len(ids) == len(ids & set(found))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "AAAA"}, "cursor"),
        *(({"limit": limit}, "limit") for limit in ("0", "1001", "ten", "9" * 5000)),
        *(({name: "\x00"}, name) for name in ("provider", "model", "user_id", "session_id")),
        ({"start_date": "\x00"}, "start_date"),
        ({"timezone": "\x00"}, "timezone"),
        ({"start_date": "어제"}, "start_date"),
        ({"end_date": "2026-02-30"}, "end_date"),
        ({"start_date": "2026-02-02", "end_date": "2026-01-01"}, "end_date"),
        ({"timezone": "Asia/平壤"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"session_id": "x"}, "session_id"),
    ],
)
def test_a_bad_filter_is_named(
    query: dict[str, str], field: str, alice: User, database: None
) -> None:
    answer = alice.get("/usage/", params=query)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {field}


@pytest.mark.parametrize("path", ["summary", "cost-estimation", "export"])
def test_a_bad_filter_is_told_before_the_answer_begins(
    path: str, alice: User, database: None
) -> None:
    answer = alice.get(f"/usage/{path}/", params={"model": "\x00"})
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"model"}


def test_an_empty_parameter_is_a_missing_one(priced: None, alice: User) -> None:
    called(alice)
    everything = get(alice, "/usage/")
    empty = dict.fromkeys(("limit", "cursor", "model", "session_id", "user_id", "timezone"), "")
    assert get(alice, "/usage/", **empty) == everything


def test_nobody_sees_what_others_have_used(
    priced: None, alice: User, bob: User, olga: User
) -> None:
    record = called(alice)
    assert get(bob, "/usage/")["results"] == []
    assert bob.get(f"/usage/{record.id}").status_code == 404
    for asked in (alice.user_id, "all"):
        assert bob.get("/usage/", params={"user_id": asked}).status_code == 403
        assert len(get(olga, "/usage/", user_id=asked)["results"]) == 1
    assert groups(bob, "model") == {}
    assert groups(olga, "model", user_id="all") == {f"{PROVIDER}/모델": "1.000000000"}


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", {"2026-10-24": "2.000000000", "2026-10-25": "1.000000000"}),
        ("Asia/Kathmandu", {"2026-10-24": "1.000000000", "2026-10-25": "2.000000000"}),
        ("Asia/Kolkata", {"2026-10-24": "2.000000000", "2026-10-25": "1.000000000"}),
    ],
)
def test_days_are_those_of_the_time_zone(
    zone: str, days: dict[str, str], priced: None, alice: User
) -> None:
    for moment in ("2026-10-24T18:14", "2026-10-24T18:16", "2026-10-25T00:00"):
        called(alice, at(moment))
    assert groups(alice, "day", timezone=zone) == days
    first = {"start_date": "2026-10-24", "end_date": "2026-10-24", "timezone": zone}
    assert groups(alice, "month", **first) == {"2026-10": days["2026-10-24"]}


def test_an_hour_that_the_clock_shows_twice_is_two(priced: None, alice: User) -> None:
    for moment in ("2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T01:59"):
        called(alice, at(moment))
    assert groups(alice, "hour", timezone="Europe/Berlin") == {
        "2026-10-25T02:00:00+02:00": "1.000000000",
        "2026-10-25T02:00:00+01:00": "2.000000000",
    }
    called(alice, at("2026-10-26T18:20"))
    assert "2026-10-27T00:00:00+05:45" in groups(alice, "hour", timezone="Asia/Kathmandu")


def test_a_time_that_cuts_a_quarter_of_an_hour_is_exact(priced: None, alice: User) -> None:
    for minute in (0, 7, 14, 16, 31, 44, 46):
        called(alice, NOON + timedelta(minutes=minute))
    for first, last, count in ((7, 46, 5), (8, 31, 2), (1, 14, 1), (0, 60, 7), (15, 45, 3)):
        found = get(
            alice,
            "/usage/summary",
            group_by="model",
            start_date=(NOON + timedelta(minutes=first)).isoformat(),
            end_date=(NOON + timedelta(minutes=last)).isoformat(),
        )
        assert found["total"]["calls"] == count, (first, last)
        assert found["total"]["cost"] == f"{count}.000000000"


def test_sums_by_week_session_purpose_and_provider(priced: None, alice: User) -> None:
    session = uuid4()
    called(alice, at("2026-10-25T23:00"), session_id=session, purpose="title")
    called(alice, at("2026-10-26T01:00"))
    assert groups(alice, "week") == {"2026-10-19": "1.000000000", "2026-10-26": "1.000000000"}
    assert groups(alice, "session") == {str(session): "1.000000000", None: "1.000000000"}
    assert groups(alice, "purpose") == {"title": "1.000000000", "chat": "1.000000000"}
    assert groups(alice, "provider") == {PROVIDER: "2.000000000"}
    assert groups(alice, "provider", session_id=session) == {PROVIDER: "1.000000000"}


def test_cost_estimation_gives_numbers_and_takes_every_filter(priced: None, alice: User) -> None:
    session = uuid4()
    called(alice, session_id=session, usage=Usage(input_tokens=1500, output_tokens=250))
    add_price("다른")
    called(alice, NOON + timedelta(days=2), model="다른")
    body = get(alice, "/usage/cost-estimation/", start_date="2026-10-24", end_date="2026-10-24")
    assert body == {
        "total_estimated_cost": 0.002,
        "currency": "USD",
        "start_date": "2026-10-24",
        "end_date": "2026-10-24",
        "details": {
            "모델": {"prompt_tokens": 1500, "completion_tokens": 250, "estimated_cost": 0.002}
        },
    }
    every = {"session_id": session, "provider": PROVIDER, "model": "모델"}
    for query in (*({name: value} for name, value in every.items()), every):
        found = get(alice, "/usage/cost-estimation", **query)["details"]
        assert found["모델"]["prompt_tokens"] == 1500
    assert get(alice, "/usage/cost-estimation", model="없음")["total_estimated_cost"] == 0


def test_a_call_s_cost_is_explained_by_lines_that_add_up(priced: None, alice: User) -> None:
    add_price("줄", cached_input_rate=DOLLAR // 3, cache_write_1h_rate=7, web_search_rate=DOLLAR)
    used = Usage(
        input_tokens=1000,
        cached_input_tokens=701,
        cache_write_tokens=100,
        cache_write_1h_tokens=77,
        output_tokens=13,
        web_searches=2,
    )
    record = called(alice, model="줄", usage=used)
    body = get(alice, f"/usage/{record.id}")
    shown = {line["item"]: line["quantity"] for line in body["lines"]}
    assert shown == {
        "cached input": 701,
        "cache write, 1 hour": 77,
        "cache write": 23,
        "input": 199,
        "output": 13,
        "web search": 2,
    }
    nano = [int(line["cost"].replace(".", "")) for line in body["lines"]]
    assert sum(nano) == record.cost_nano


def test_a_period_is_re_rated_by_rows_that_refer_to_the_old(priced: None, alice: User) -> None:
    user_budget = budget("user", UUID(alice.user_id), 100 * DOLLAR, period="total")
    record, other = called(alice), called(alice, NOON + timedelta(days=40))
    unknown = called(alice, model="無名")
    old = Price.objects.get(provider=PROVIDER, model="모델")
    add_price(input_rate=3 * DOLLAR, effective_from=old.effective_from)
    add_price("無名", input_rate=5 * DOLLAR)
    period = ["--since", "2026-10-01", "--until", "2026-11-01T00:00:00Z", "--provider", PROVIDER]
    assert rerated(*period, "--dry-run").endswith("would be corrected by +$7.000000000 in all.\n")
    assert UsageRecord.objects.count() == 3
    assert rerated(*period).endswith("2 calls were corrected by +$7.000000000 in all.\n")
    assert rerated(*period).startswith("0 calls were corrected")
    body = get(alice, f"/usage/{record.id}")
    assert (body["cost"], body["corrected_cost"]) == ("1.000000000", "3.000000000")
    assert [row["corrects_id"] for row in body["corrections"]] == [str(record.id)]
    assert get(alice, f"/usage/{unknown.id}")["corrected_cost"] == "5.000000000"
    assert groups(alice, "month") == {"2026-10": "8.000000000", "2026-12": "1.000000000"}
    assert user_budget.windows.get().spent_nano == 9 * DOLLAR
    assert not UsageRecord.objects.filter(corrects_id=other.id).exists()


def rerated(*options: str) -> str:
    said = StringIO()
    call_command("rerate", *options, stdout=said)
    return said.getvalue()


def test_the_export_is_a_table_of_all_rows_without_formulas(priced: None, alice: User) -> None:
    add_price("=1+1")
    called(alice, model="=1+1")
    for minute in range(5):
        called(alice, NOON + timedelta(minutes=minute))
    answer = alice.get("/usage/export")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert len(rows) == 6
    assert {row["model"] for row in rows} == {"모델", "'=1+1"}
    assert {row["cost"] for row in rows} == {"1.000000000"}
    assert rows[0]["cached_input_tokens"] == ""


def test_budgets_that_apply_to_the_caller_are_shown_with_what_is_left(
    priced: None, alice: User, bob: User, server: RiniServer
) -> None:
    budget("user", UUID(alice.user_id), 5 * DOLLAR, period="day", timezone="Asia/Tokyo")
    budget("installation", None, 50 * DOLLAR, hard=False)
    budget("user", UUID(bob.user_id), DOLLAR)
    called(alice, datetime.now(UTC))
    assert [row["scope"] for row in get(bob, "/usage/budgets")] == ["installation", "user"]
    shown = {row["scope"]: row for row in get(alice, "/usage/budgets")}
    assert shown.keys() == {"user", "installation"}
    assert shown["installation"]["resets_at"] is None
    own = shown["user"]
    assert (own["limit"], own["spent"], own["remaining"]) == (
        "5.000000000",
        "1.000000000",
        "4.000000000",
    )
    assert own["resets_at"].endswith("T15:00:00Z")


def test_a_token_gets_keeps_and_loses_its_budget(
    priced: None, alice: User, new_user: Callable[..., User]
) -> None:
    terms = {"limit": "5.00", "period": "day", "timezone": "Asia/Seoul"}
    made = alice.post("/tokens/", json={"name": "앱", "budget": terms}).raise_for_status().json()
    kept = {"limit": "5.000000000", "period": "day", "timezone": "Asia/Seoul", "hard": True}
    assert made["budget"] == kept
    assert get(alice, "/tokens/")[0]["budget"] == kept
    token = {"Authorization": f"Bearer {made['token']}"}
    scopes = [row["scope"] for row in alice.get("/usage/budgets", headers=token).json()]
    assert scopes == ["token"]
    path = f"/tokens/{made['id']}"
    assert alice.patch(path, json={"budget": None}, headers=token).status_code == 403
    week = alice.patch(path, json={"budget": {"limit": 1, "period": "week"}}).json()["budget"]
    assert (week["limit"], week["period"], week["timezone"]) == ("1.000000000", "week", "UTC")
    assert alice.patch(path, json={"name": "다른 앱"}).json()["budget"] == week
    assert alice.patch(path, json={"budget": None}).json()["budget"] is None
    assert get(alice, "/usage/budgets") == []


def test_operators_give_budgets_and_others_do_not(priced: None, alice: User, olga: User) -> None:
    terms = {"scope": "user", "subject_id": alice.user_id, "limit": "4.5", "period": "month"}
    assert alice.post("/budgets/", json=terms).status_code == 403
    made = olga.post("/budgets/", json=terms)
    assert made.status_code == 201, made.text
    assert olga.post("/budgets/", json=terms).status_code == 409
    called(alice, datetime.now(UTC))
    path = f"/budgets/{made.json()['id']}"
    changed = olga.patch(path, json={"limit": "3.25", "hard": False}).json()
    assert (changed["remaining"], changed["hard"]) == ("2.250000000", False)
    assert olga.delete(path).status_code == 204
    assert olga.post("/budgets/", json={**terms, "scope": "installation"}).status_code == 400
    assert get(olga, "/budgets/") == []


def test_operators_see_unknown_prices_and_refund_calls(
    priced: None, alice: User, olga: User, server: RiniServer
) -> None:
    record, unknown = called(alice), called(alice, model="無名")
    with closing(AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")) as admin:
        page = admin.get("billing/usagerecord/?cost=unknown").text
        assert "無名" in page
        assert str(record.id) not in page
        fields = {"action": "refund", "_selected_action": str(record.id)}
        page, answer = admin.confirm("billing/usagerecord/", fields)
        assert "Refund 1 calls?" in page
        assert "$1 goes back" in page
        assert answer.status_code == 302, answer.text
        history = admin.get(f"billing/usagerecord/{record.id}/history/").text
        assert "Refunded." in history
        assert str(record.id) in admin.get(f"billing/usagerecord/?q={alice.user_id}").text
    assert get(alice, f"/usage/{record.id}")["corrected_cost"] == "0.000000000"
    assert get(alice, f"/usage/{unknown.id}")["corrected_cost"] is None
    check_sums()


def test_old_months_are_dropped_and_their_sums_stay(priced: None, alice: User) -> None:
    partitions.make_partitions(at("2020-02-01T00:00").date())
    called(alice, at("2020-03-05T00:00"))
    name = "billing_usagerecord_2020_03"
    said = StringIO()
    call_command("trim_ledger", "--months", "24", "--dry-run", stdout=said)
    assert name in said.getvalue()
    assert UsageRecord.objects.count() == 1
    call_command("trim_ledger", "--months", "24", stdout=said)
    assert not UsageRecord.objects.exists()
    assert Rollup.objects.get().cost_nano == DOLLAR
    with pytest.raises(CommandError, match="whole month"):
        call_command("trim_ledger", "--months", "0")
    Rollup.objects.all().delete()


def test_rows_of_a_month_without_a_partition_move_into_it(priced: None, alice: User) -> None:
    record = called(alice, at("2031-07-05T00:00"))
    made = partitions.make_partitions(at("2031-07-01T00:00").date())
    assert "billing_usagerecord_2031_07" in made
    assert UsageRecord.objects.get().id == record.id
    assert partitions.make_partitions(at("2031-07-01T00:00").date()) == []
