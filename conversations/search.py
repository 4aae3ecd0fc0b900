"""Searching a user's conversations: titles and messages by their terms (`rini.lexical`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, QuerySet

from accounts.models import User
from conversations.models import Message, SearchEntry, Session
from rini import lexical
from rini.errors import InvalidInput
from rini.storage.statements import execute
from rini.translation import gettext as _

# A title counts more than a message (PostgreSQL's weights A and D: ten to one).
_TITLE = """
    INSERT INTO conversations_searchentry (user_id, session_id, terms)
    VALUES (%s, %s, setweight(%s::tsvector, 'A'))
    ON CONFLICT (session_id) WHERE message_id IS NULL DO UPDATE SET terms = excluded.terms
"""
_MESSAGES = """
    INSERT INTO conversations_searchentry (user_id, session_id, message_id, terms)
    SELECT message.user_id, message.session_id, message.id, fresh.terms::tsvector
    FROM unnest(%s::bigint[], %s::text[]) AS fresh (id, terms)
    JOIN conversations_message message ON message.id = fresh.id
    JOIN conversations_session session ON session.id = message.session_id AND NOT session.hidden
    ON CONFLICT (message_id) DO UPDATE SET terms = excluded.terms
"""


class Terms(SearchQuery):
    """A question's terms as they are; Django's own `SearchQuery` would have them parsed again."""

    def __init__(self, question: str) -> None:
        super().__init__(question, search_type="raw")
        self.template = "%(expressions)s::tsquery"


@dataclass(frozen=True, slots=True)
class Hit:
    """A found message, or a session whose title was found (`message` is None)."""

    session: Session
    message: Message | None
    snippet: str
    rank: float

    @property
    def created_at(self) -> datetime:
        return (self.message or self.session).created_at


def index_messages(messages: Iterable[Message]) -> None:
    """Make stored messages findable; those without any text are left out."""
    store_terms([(message.pk, lexical.tsvector(message.content)) for message in messages])


def store_terms(rows: Iterable[tuple[int, str]]) -> None:
    """`index_messages` for terms that are known: by the messages' ids."""
    found = [(pk, terms) for pk, terms in rows if terms]
    if found:
        execute(_MESSAGES, [list(column) for column in zip(*found, strict=True)])


def index_title(session: Session) -> None:
    """Make a session findable by its title as it is now."""
    if terms := lexical.tsvector(session.alias):
        execute(_TITLE, [session.user_id, session.id, terms])
    else:
        SearchEntry.objects.filter(session=session, message=None).delete()


def entries(user: User, question: str) -> QuerySet[SearchEntry]:
    """What the user may see that has every word of a question. Raises `InvalidInput`."""
    return SearchEntry.objects.visible_to(user).filter(terms=_query(question))


def ranked(user: User, question: str, **filters: Any) -> QuerySet[SearchEntry]:
    """What the user may see, and `filters` let through, that has every word of a question; where
    nothing has, what has any of them, so that a whole sentence can be asked. The best first, the
    newer first among equals, with their `rank`. Raises `InvalidInput`."""
    visible = SearchEntry.objects.visible_to(user).filter(**filters)
    query = _query(question)
    if not visible.filter(terms=query).exists():
        query = Terms(lexical.tsquery_any(question))
    found = visible.filter(terms=query).annotate(rank=SearchRank(F("terms"), query))
    return found.select_related("session", "message").order_by("-rank", "-id")


def hit(entry: Any, question: str) -> Hit:
    """What `ranked` found, for people."""
    text = entry.message.content if entry.message else entry.session.alias
    shown = lexical.snippet(text, question)
    return Hit(entry.session, entry.message, shown, round(entry.rank, 6))


def _query(question: str) -> Terms:
    if terms := lexical.tsquery(question):
        return Terms(terms)
    raise InvalidInput(errors={"q": [_("Give at least one word, or part of one, to look for.")]})
