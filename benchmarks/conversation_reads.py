"""How long it takes to open a long conversation, to page through sessions, and to search.

    python -m benchmarks.conversation_reads [messages to search]

One user has a session of 10,000 messages, with another version of every tenth, 5,000 sessions, and
messages in four languages. A web process answers over HTTP; of 20 requests the median and the
slowest are shown, in milliseconds.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from typing import Any

import httpx

from benchmarks.installation import installation

LONG, SESSIONS = 10_000, 5_000
REQUESTS = 20
_PATH = """
    INSERT INTO conversations_message (
        id, session_id, user_id, parent_message_id, role, content, reasoning, status, citations,
        tool_calls, created_at)
    SELECT first + n, %(session)s::uuid, %(user)s::uuid, CASE WHEN n > 0 THEN first + n - 1 END,
        CASE n %% 2 WHEN 0 THEN 'user' ELSE 'assistant' END,
        repeat('서울의 날씨는 어떤가요? ', 20), '', 'complete', '[]', '[]', now()
    FROM generate_series(0, %(count)s - 1) n,
        (SELECT nextval(pg_get_serial_sequence('conversations_message', 'id')) AS first) f
    RETURNING id
"""
_VERSIONS = """
    INSERT INTO conversations_message (
        session_id, user_id, parent_message_id, role, content, reasoning, status, citations,
        tool_calls, created_at)
    SELECT session_id, user_id, parent_message_id, role, '다른 말', '', 'complete', '[]', '[]',
        now()
    FROM conversations_message WHERE session_id = %s AND id %% 10 = 0
"""
WORDS = {
    "ko": "서울 부산 날씨 여행 계획 바다 오늘 내일 음식 추천 버스 기차 호텔 예약 친구 가족",
    "zh": "北京 上海 天气 旅行 计划 今天 明天 饭店 推荐 火车 朋友 家人 学习 工作 时间 问题",
    "ja": "東京 京都 天気 旅行 計画 今日 明日 食事 予約 電車 友達 家族 仕事 質問 タワー",
    "en": "weather travel plan today tomorrow hotel train friend family work time question",
}
QUESTIONS = ("서울", "여", "上海天气", "京都タワー", "weath", "travel hotel train", "바늘")


def main(searched: int = 100_000) -> None:
    with installation():
        from tests.rini_server import RiniServer

        server = RiniServer({**os.environ})
        try:
            account = httpx.post(f"{server.url}/users/", json={}).raise_for_status().json()
            session_id = _fill(account["id"], searched)
            _measure(server.url, account["access_token"], session_id)
        finally:
            server.terminate()


def _fill(user_id: str, searched: int) -> str:
    """Make the user's sessions; returns the long one's id."""
    from django.db import connection

    from conversations.models import Session

    sessions = [
        Session(user_id=user_id, alias=f"세션 {number}", tags=["旅行"][: number % 2])
        for number in range(SESSIONS)
    ]
    Session.objects.bulk_create(sessions, batch_size=1000)
    long, others = sessions[0], sessions[1:]
    with connection.cursor() as cursor:
        cursor.execute(_PATH, {"session": str(long.id), "user": user_id, "count": LONG})
        long.active_message_id = max(row[0] for row in cursor.fetchall())
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('conversations_message', 'id'), %s)",
            [long.active_message_id],
        )
        cursor.execute(_VERSIONS, [long.id])
    long.save()
    _fill_with_talk(user_id, others, searched)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return str(long.id)


def _fill_with_talk(user_id: str, sessions: list[Any], count: int) -> None:
    from conversations import search
    from conversations.models import Message

    chance = random.Random(1)  # noqa: S311  # the same texts every time
    began, size = time.perf_counter(), 0
    for at in range(0, count, 2000):
        batch = [
            Message(session=chance.choice(sessions), user_id=user_id, role="user", content=text)
            for text in (_text(chance) for _ in range(min(2000, count - at)))
        ]
        if not at:
            batch[7].content += " 바늘"
        size += sum(len(message.content.encode()) for message in batch)
        Message.objects.bulk_create(batch)
        search.index_messages(batch)
    took = time.perf_counter() - began
    _say(f"stored and indexed {count} messages, {size / 1e6:.0f} MB, in {took:.0f} s")


def _text(chance: random.Random) -> str:
    words = WORDS[chance.choice(list(WORDS))].split()
    return " ".join(chance.choices(words, k=40)) + f" {chance.randrange(10**6)}"


def _measure(url: str, token: str, session_id: str) -> None:
    messages = f"/sessions/{session_id}/messages/"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        _show(client, "nothing but the handler", "/generations/")
        _show(client, "the last 100 of 10,000", f"{messages}?from=end")
        _show(client, "… with their siblings", f"{messages}?from=end&siblings=true")
        _show(client, "the first 100", f"{messages}?siblings=true")
        _show(client, "100 of every branch", f"{messages}?all=true&siblings=true")
        _show(client, "the whole tree", f"/sessions/{session_id}/tree")
        _show(client, "5,000 sessions, page of 10", "/sessions/")
        _show(client, "… of 100", "/sessions/?limit=100")
        _show(client, "… the last of 100", "/sessions/?limit=100&skip=4900")
        _show(client, "… with a tag", "/sessions/?tag=旅行&limit=100")
        for question in QUESTIONS:
            _show(client, f"search {question!r}", "/search", q=question)
        _show(client, "sessions with '서울'", "/sessions/", q="서울")


def _show(client: httpx.Client, name: str, address: str, **params: str) -> None:
    took = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        answer = client.get(address, params=params or None).raise_for_status()
        took.append((time.perf_counter() - began) * 1000)
    found = f"{len(answer.content) / 1000:8.0f} kB"
    _say(f"{name:32} {statistics.median(took):7.1f} {max(took):7.1f} {found}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
