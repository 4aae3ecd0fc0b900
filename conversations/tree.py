"""The tree of messages: paths from a root down to a message, and siblings.

A path takes one recursive query, whatever its length. The end of one is climbed from below, so that
a long conversation opens as fast as a short one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from conversations.models import Message
from rini.storage.statements import execute, names, selected

EVERYTHING = 2**31 - 1

# From a message of a session upwards, to a distance.
_IDS = """
    WITH RECURSIVE path AS (
        SELECT id, parent_message_id, 0 AS distance
        FROM conversations_message WHERE id = %s AND session_id = %s
        UNION ALL
        SELECT above.id, above.parent_message_id, path.distance + 1
        FROM conversations_message above JOIN path ON above.id = path.parent_message_id
        WHERE path.distance < %s
    )
    SELECT id FROM path WHERE distance >= %s ORDER BY distance DESC
"""
_MESSAGES = f"SELECT {names(Message)} FROM conversations_message WHERE id = ANY(%s)"  # noqa: S608
_TURNS = """
    WITH RECURSIVE path AS (
        SELECT id, parent_message_id, role, content, token_count, file_reference, refused_by,
            0 AS distance
        FROM conversations_message WHERE id = %s AND session_id = %s
        UNION ALL
        SELECT above.id, above.parent_message_id, above.role, above.content, above.token_count,
            above.file_reference, above.refused_by, path.distance + 1
        FROM conversations_message above JOIN path ON above.id = path.parent_message_id
    )
    SELECT id, role, content, token_count, file_reference, refused_by FROM path
    ORDER BY distance DESC
"""


@dataclass(frozen=True, slots=True)
class PathTurn:
    """What a prompt needs of a message: reading no more makes long paths cheap."""

    id: int
    role: str
    content: str
    token_count: int | None
    file_reference: str | None = None
    refused_by: Sequence[str] | None = None


def path_ids(
    session_id: UUID, message_id: int | None, *, above: int = 0, most: int = EVERYTHING
) -> list[int]:
    """The ids of the path down to a message, root first: of its end, without the last `above`, at
    most `most`. Empty for a message that is not in the session."""
    if message_id is None:
        return []
    highest = min(above + most, EVERYTHING) - 1
    return [row[0] for row in execute(_IDS, [message_id, session_id, highest, above])]


def path_turns(session_id: UUID, message_id: int | None) -> list[PathTurn]:
    """The path down to a message, root first. Empty for a message that is not in the session."""
    if message_id is None:
        return []
    return [PathTurn(*row) for row in execute(_TURNS, [message_id, session_id])]


def messages_of(ids: Sequence[int]) -> list[Message]:
    """The messages of these ids, in their order."""
    found = {m.pk: m for m in selected(Message, _MESSAGES, [list(ids)])} if ids else {}
    return [found[id_] for id_ in ids if id_ in found]


_NEW_IDS = """
    SELECT nextval(pg_get_serial_sequence('conversations_message', 'id'))
    FROM generate_series(1, %s)
"""


def new_ids(count: int) -> list[int]:
    """Ids for messages that are about to be stored, ascending."""
    return [id_ for (id_,) in execute(_NEW_IDS, [count])]


def path_to(message: Message) -> list[Message]:
    """The messages from the root down to `message`."""
    return messages_of(path_ids(message.session_id, message.pk))


@dataclass(frozen=True, slots=True)
class Path:
    """The path down to a message, for paging: only what is asked for is read."""

    session_id: UUID
    message_id: int | None

    def __getitem__(self, part: slice) -> list[Message]:
        return messages_of(path_ids(self.session_id, self.message_id)[part])


@dataclass(frozen=True, slots=True)
class PathFromEnd:
    """As `Path`, but counted from its end, without the last `above`. A page stays oldest first."""

    session_id: UUID
    message_id: int | None
    above: int = 0

    def __getitem__(self, part: slice) -> list[Message]:
        ids = path_ids(
            self.session_id,
            self.message_id,
            above=self.above + part.start,
            most=part.stop - part.start,
        )
        return messages_of(ids)


@dataclass(frozen=True, slots=True)
class FromEnd:
    """Messages of every branch, counted from the newest. A page stays oldest first."""

    messages: QuerySet[Message]

    def __getitem__(self, part: slice) -> list[Message]:
        return list(self.messages.order_by("-id")[part])[::-1]


@dataclass(frozen=True, slots=True)
class Siblings:
    """The versions of a message, itself among them: the ids of those around it, oldest first, and
    how many there are."""

    ids: list[int]
    count: int


def siblings_of(messages: Iterable[Message]) -> dict[int, Siblings]:
    """The versions of each message, by its id; at most `MAX_SIBLINGS` are named.

    The versions of a message have its parent; those of a root are the roots of its session.
    """
    messages = list(messages)
    parents = {message.parent_message_id for message in messages}
    sessions = {message.session_id for message in messages}
    below = Q(parent_message_id__in=parents - {None})
    roots = Q(session_id__in=sessions, parent_message_id=None) if None in parents else Q()
    rows = Message.objects.filter(below | roots) if messages else Message.objects.none()
    versions: defaultdict[Any, list[int]] = defaultdict(list)
    for id_, parent, session in rows.order_by("id").values_list(
        "id", "parent_message_id", "session_id"
    ):
        versions[parent or session].append(id_)
    return {
        message.pk: _around(message.pk, versions[message.parent_message_id or message.session_id])
        for message in messages
    }


def _around(id_: int, ids: list[int]) -> Siblings:
    most = settings.MAX_SIBLINGS
    begin = max(0, min(bisect_left(ids, id_) - most // 2, len(ids) - most))
    return Siblings(ids[begin : begin + most], len(ids))


_NODES = """
    SELECT id, parent_message_id, role, left(content, %s), status, provider, model_used, created_at
    FROM conversations_message WHERE session_id = %s ORDER BY id
"""


def nodes(session_id: UUID, preview: int) -> list[dict[str, Any]]:
    """Every message of a session as a node of its tree, oldest first, with the ids below it.

    A list and not a nest: a conversation may be deeper than any JSON parser allows.
    """
    rows = execute(_NODES, [preview, session_id])
    below: defaultdict[int | None, list[int]] = defaultdict(list)
    for row in rows:
        below[row[1]].append(row[0])
    names = ("id", "parent_message_id", "role", "preview", "status", "provider", "model_used")
    return [
        {**dict(zip(names, row, strict=False)), "created_at": row[7], "child_ids": below[row[0]]}
        for row in rows
    ]
