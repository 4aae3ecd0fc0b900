from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.transaction import TransactionManagementError
from django.db.utils import DataError, ProgrammingError
from psycopg import sql

from accounts.models import User
from conversations.models import Session
from rini.storage.database import connection_parameters
from rini.storage.statements import WrittenOnce, columns, execute, names, selected

pytestmark = pytest.mark.usefixtures("database")
ALL = f"SELECT {names(Session)} FROM conversations_session WHERE user_id = %s ORDER BY alias"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("통계")


def prepared(text: str) -> list[str]:
    """The statements with `text` in them that this connection keeps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall() if text in statement]


def test_it_brings_rows_as_python_knows_them() -> None:
    id_ = uuid4()
    [row] = execute(
        "SELECT %s::uuid, %s::text, %s::numeric, NULL", [id_, "도쿄 東京", Decimal("0.1")]
    )
    assert row == (id_, "도쿄 東京", Decimal("0.1"), None)
    assert execute("SELECT n FROM generate_series(1, %(most)s) AS n", {"most": 3}) == [
        (1,),
        (2,),
        (3,),
    ]


def test_what_brings_no_rows_gives_none(user: User) -> None:
    change = "UPDATE accounts_user SET email = %s WHERE id = %s"
    assert execute(change, ["hana@example.org", user.pk]) == []
    assert execute("SELECT 1 WHERE false") == []
    user.refresh_from_db()
    assert user.email == "hana@example.org"


def test_a_text_is_prepared_once_and_one_made_for_the_call_is_not() -> None:
    for number in range(3):
        execute("SELECT %s::int AS kept", [number])
        execute(sql.SQL("SELECT {} AS passing").format(sql.Literal(number)))
    assert len(prepared("AS kept")) == 1
    assert prepared("AS passing") == []


def test_a_percent_sign_is_one_where_there_are_no_parameters() -> None:
    assert execute(sql.SQL("SELECT {}").format(sql.Literal("10%"))) == [("10%",)]
    assert execute("SELECT 'a%'") == [("a%",)]


def test_errors_are_django_s() -> None:
    with pytest.raises(ProgrammingError):
        execute("SELECT nothing FROM nowhere")
    with pytest.raises(DataError):
        execute("SELECT 1 / %s::int", [0])


def test_it_belongs_to_the_transaction_around_it(user: User) -> None:
    with transaction.atomic():
        execute("DELETE FROM accounts_user WHERE id = %s", [user.pk])
        transaction.set_rollback(True)
    assert User.objects.filter(pk=user.pk).exists()


def test_selected_rows_are_those_of_the_orm(user: User) -> None:
    for alias in ("가", "나"):
        Session.objects.create(
            user=user,
            alias=alias,
            metadata={"深": [1, None]},
            tags=["여행", "日本"],
            expires_after=timedelta(hours=1, microseconds=5),
        )
    found = selected(Session, ALL, [user.pk])
    known = list(Session.objects.filter(user=user).order_by("alias"))
    assert [columns(one) for one in found] == [columns(one) for one in known]
    assert found[0].expires_after == timedelta(hours=1, microseconds=5)
    assert not found[0]._state.adding
    found[0].pinned = True
    found[0].save()
    assert Session.objects.get(pk=found[0].pk).pinned


def test_a_column_that_comes_later_disturbs_nobody(user: User) -> None:
    """While a migration adds one, processes from before serve on."""
    Session.objects.create(user=user)
    with transaction.atomic():
        execute("ALTER TABLE conversations_session ADD COLUMN later text DEFAULT 'x'")
        assert len(selected(Session, ALL, [user.pk])) == 1
        transaction.set_rollback(True)


def test_names_are_qualified_where_a_statement_reads_several_tables() -> None:
    assert names(User).split(", ")[0] == "password"
    assert {name.split(".")[0] for name in names(User, "person").split(", ")} == {"person"}


def test_columns_are_what_postgresql_makes_a_row_of(user: User) -> None:
    [(email,)] = execute(
        "SELECT email FROM json_populate_record(NULL::accounts_user, %s)",
        [json.dumps(columns(user) | {"email": "하나@example.org"}, default=str)],
    )
    assert email == "하나@example.org"


@WrittenOnce
def _pair(first: UUID, second: UUID) -> QuerySet[User]:
    return User.objects.filter(pk__in=[first, second], is_active=True).order_by("username")


@WrittenOnce
def _locked(one: UUID) -> QuerySet[User]:
    return User.objects.select_for_update().filter(pk=one)


def test_a_query_written_once_serves_every_id() -> None:
    ana, bea, eva = (User.objects.create_user(name) for name in ("ana", "bea", "eva"))
    assert _pair(ana.pk, bea.pk) == [ana, bea]
    assert _pair(eva.pk, bea.pk) == [bea, eva]
    assert _pair(eva.pk, eva.pk) == [eva]
    assert _pair(uuid4(), uuid4()) == []


def test_a_query_that_locks_needs_a_transaction(user: User) -> None:
    with pytest.raises(TransactionManagementError):
        _locked(user.pk)
    with transaction.atomic(), psycopg.connect(**connection_parameters()) as other:
        assert _locked(user.pk) == [user]
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT 1 FROM accounts_user WHERE id = %s FOR UPDATE NOWAIT", [user.pk])
