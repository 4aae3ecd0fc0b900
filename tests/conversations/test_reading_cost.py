"""How many queries a list takes: as many for a long one as for a short one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import refresh
from accounts.models import User as Account
from conversations import search
from conversations.models import Message, Session


@pytest.fixture
def account(database: None) -> Account:
    return Account.objects.create_user()


def talk(account: Account, length: int) -> Session:
    """A session with a path of so many messages, and another version of every one."""
    session = Session.objects.create(user=account, alias="긴 대화")
    parent: Message | None = None
    for number in range(length):
        for content in ("다른 말", f"말 {number}"):
            last = Message.objects.create(
                session=session,
                user=account,
                parent_message=parent,
                role="user",
                content=content,
            )
        parent = last
    session.active_message = parent
    session.save()
    search.index_messages(session.messages.all())
    return session


def queries(account: Account, address: str) -> tuple[int, Any]:
    """How many queries a request takes, and its answer."""
    client = Client(headers={"Authorization": f"Bearer {refresh.begin(account).access_token}"})
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return len(captured.captured_queries), answer.json()


@pytest.mark.parametrize(
    ("address", "most"),
    [
        ("/sessions/{}/messages/", 4),
        ("/sessions/{}/messages/?from=end", 4),
        ("/sessions/{}/messages/?from=end&siblings=1", 5),
        ("/sessions/{}/messages/?all=1&siblings=1", 4),
        ("/sessions/{}/tree", 3),
        ("/sessions/{}/summary", 5),
        ("/search?q=말", 3),
    ],
)
def test_a_long_conversation_takes_no_more_queries_than_a_short_one(
    account: Account, address: str, most: int
) -> None:
    short, long = talk(account, 3), talk(account, 60)
    few, little = queries(account, address.format(short.id))
    many, much = queries(account, address.format(long.id))
    assert few == many <= most
    assert len(str(much)) >= len(str(little))


def test_a_list_of_sessions_takes_one_query(account: Account) -> None:
    Session.objects.bulk_create([Session(user=account, alias=f"{n}") for n in range(50)])
    few, page = queries(account, "/sessions/?limit=1")
    many, pages = queries(account, "/sessions/?limit=50&archived=false&pinned=false&q=&tag=")
    assert (len(page), len(pages)) == (1, 50)
    assert few == many == 2
