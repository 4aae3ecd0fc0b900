"""How long every report and the admin's list take over a large ledger.

    python -m benchmarks.reports [rows]

The rows lie in the last year; half of them are one user's, the others' are spread over 100 users.
Each report is asked once, and then three times, of which the slowest counts.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from benchmarks.installation import installation

ROWS = """
    INSERT INTO billing_usagerecord (
        id, created_at, recorded_at, request_id, user_id, purpose, session_id, message_id, provider,
        model, model_answered, service_tier, input_tokens, cached_input_tokens, output_tokens,
        usage_source, cost_nano, charged_nano, price_id, status, duration_ms)
    SELECT gen_random_uuid(), at, at, '', CASE n %% 2 WHEN 0 THEN %s ELSE users[1 + n %% 100] END,
        (ARRAY['chat', 'chat', 'title', 'embedding'])[1 + n %% 4],
        CASE WHEN n %% 3 > 0 THEN sessions[1 + n / 20 %% 20000] END, n, 'openai',
        'gpt-' || n %% 12, '', '', 500 + n %% 1000, n %% 400, 200 + n %% 300, 'vendor',
        CASE WHEN n %% 5000 > 0 THEN 100000 + n END, 100000 + n, 1, 'completed', 900
    FROM generate_series(1, %s) n,
        LATERAL (SELECT now() - make_interval(secs => n * 31536000.0 / %s) AS at) t,
        (SELECT array_agg(gen_random_uuid()) AS users FROM generate_series(1, 100)) u,
        (SELECT array_agg(gen_random_uuid()) AS sessions FROM generate_series(1, 20000)) s
"""
ROLLUPS = """
    INSERT INTO billing_rollup (
        bucket, user_id, token_id, session_id, provider, model, purpose, calls, input_tokens,
        cached_input_tokens, output_tokens, cost_nano, charged_nano, unpriced_calls)
    SELECT date_bin('15 minutes', created_at, '2000-01-01'), user_id, token_id, session_id,
        provider, model, purpose, count(*), sum(input_tokens), sum(cached_input_tokens),
        sum(output_tokens), coalesce(sum(cost_nano), 0), sum(charged_nano),
        count(*) FILTER (WHERE cost_nano IS NULL)
    FROM billing_usagerecord GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def main(rows: int = 1_000_000) -> None:
    with installation():
        from accounts.models import User

        olga = User.objects.create_superuser("olga", "a long password 2468")
        _fill(olga, rows)
        _measure(olga)


def _fill(user: Any, rows: int) -> None:
    from datetime import UTC, datetime, timedelta

    from django.db import connection

    from billing import partitions

    for months in range(0, 13, 4):
        partitions.make_partitions((datetime.now(UTC) - timedelta(days=365 - 30 * months)).date())
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [user.pk, rows, rows])
        cursor.execute(ROLLUPS)
        cursor.execute("SELECT count(*) FROM billing_rollup")
        sys.stdout.write(f"{rows} rows, {cursor.fetchone()[0]} rollups\n")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE billing_usagerecord, billing_rollup")


def _measure(user: Any) -> None:
    from django.test import Client

    from accounts import refresh
    from billing.models import UsageRecord

    api = Client(headers={"authorization": f"Bearer {refresh.begin(user).access_token}"})
    browser = Client()
    browser.force_login(user)
    middle = UsageRecord.objects.visible_to(user).newest_first()[200_000]
    session = UsageRecord.objects.exclude(session_id=None).first()
    groups = ("hour", "day", "week", "month", "model", "provider", "session", "purpose")
    paths = [f"/usage/summary?group_by={g}&timezone=Asia/Kathmandu" for g in groups]
    paths += [f"{path}&user_id=all" for path in paths]
    paths += [
        "/usage/summary?group_by=day&start_date=2026-03-01T09:07:00Z&end_date=2026-09-01T10:09:00Z",
        *("/usage/cost-estimation/", "/usage/cost-estimation/?user_id=all", "/usage/budgets"),
        f"/usage/cost-estimation/?session_id={session.session_id if session else ''}&user_id=all",
        *("/usage/?limit=1000", "/usage/?user_id=all", "/usage/?model=gpt-3&user_id=all"),
        f"/usage/?end_date={middle.created_at:%Y-%m-%dT%H:%M:%SZ}",
        *("/usage/?model=none", "/usage/?model=none&user_id=all", f"/usage/{middle.pk}"),
    ]
    admin = [
        *("", "?p=50", "?cost=unknown", "?cost=corrections", "?provider=openai", "?provider=groq"),
        *("?status__exact=failed", f"?q={middle.session_id or middle.pk}", "?o=-8"),
    ]
    for client, path in [
        *((api, path) for path in paths),
        *((browser, f"/admin/billing/usagerecord/{query}") for query in admin),
    ]:
        sys.stdout.write(f"{_slowest(client, path) * 1000:7.0f} ms  {path}\n")


def _slowest(client: Any, path: str) -> float:
    client.get(path)  # templates and connections are there when somebody asks
    times = []
    for _ in range(3):
        began = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code} {answer.content[:300]!r}")
    return max(times)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
