"""Sessions from files: Rini's own JSON, and ChatGPT's export (see `conversations.files.chatgpt`).

What a file says of costs and tokens is kept as information. The ledger knows nothing of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User
from conversations import room, search, tree
from conversations.files import chatgpt
from conversations.files.exporting import MESSAGE_FIELDS, SESSION_FIELDS
from conversations.files.import_format import ImportedFile
from conversations.models import Message, Session
from providers import token_counts
from rini import lexical
from rini.errors import InvalidInput, Unavailable
from rini.money import NANO
from rini.storage import database
from rini.storage.background import enqueue
from rini.translation import gettext as _
from rini.web.api import field_errors

_BATCH = 1000
_turn = threading.BoundedSemaphore(1)


@dataclass(frozen=True, slots=True)
class Ready:
    """A session of a file, read: `terms` are its messages', for searching."""

    file: Mapping[str, Any]
    token_counts: Sequence[int]
    terms: Sequence[str]


def from_file(user: User, document: Any) -> Session | list[Session]:
    """The session of Rini's JSON or of one conversation of ChatGPT's, the sessions of a list of
    those. All or none. Raises `InvalidInput` that says where a file is wrong, and `StorageFull`.

    Reading takes most of the time: it holds no database connection, and ends before the transaction
    begins. One file is read at a time, others wait.
    """
    database.give_back()
    with _one_at_a_time():
        many = isinstance(document, list)
        ready = [read(one, f"{place}" if many else "") for place, one in _numbered(document)]
        with transaction.atomic():
            stored = [store(user, one) for one in ready]
    return stored if many else stored[0]


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if not _turn.acquire(timeout=settings.LARGE_REQUEST_WAIT_SECONDS):
        raise Unavailable(_("Other files are being imported: try again shortly."), retry_after=5)
    try:
        yield
    finally:
        _turn.release()


def _numbered(document: Any) -> Iterator[tuple[int, Any]]:
    conversations = document if isinstance(document, list) else [document]
    return enumerate(conversations)


def read(document: Any, place: str = "") -> Ready:
    """A session of a file, to be stored; `place` is where it stands in a list. Needs no database.

    Raises `InvalidInput` that says where it is wrong.
    """
    if place or (isinstance(document, dict) and "mapping" in document):
        document = chatgpt.read(document, place)
    file = _validated(document, f"{place}." if place else "")
    contents = [told["content"] for told in file["messages"]]
    return Ready(
        file,
        [token_counts.count(text) for text in contents],
        [lexical.tsvector(t) for t in contents],
    )


def _validated(document: Any, at: str = "") -> dict[str, Any]:
    if not isinstance(document, dict) or "format" not in document:
        raise InvalidInput(
            _(
                "This is neither Rini's JSON nor ChatGPT's conversations.json: send what GET "
                "/sessions/{id}/export gave, or that file's content."
            )
        )
    file = ImportedFile(data=document)
    if not file.is_valid():
        found = field_errors(file.errors)
        raise InvalidInput(errors={f"{at}{field}": messages for field, messages in found.items()})
    return dict(file.validated_data)


def store(user: User, ready: Ready) -> Session:
    """In the current transaction. Raises `StorageFull`."""
    file = ready.file
    size = sum(len(told["content"].encode()) for told in file["messages"])
    room.take(user.pk, file["session"]["system_prompt"], size=size, messages=len(file["messages"]))
    fields = {name: file["session"][name] for name in SESSION_FIELDS}
    session = Session.objects.create(user=user, **fields)
    ids = tree.new_ids(len(file["messages"]))
    numbered = zip(file["messages"], ready.token_counts, strict=True)
    messages = [_message(session, values, count, ids) for values, count in numbered]
    for at in range(0, len(messages), _BATCH):
        Message.objects.bulk_create(messages[at : at + _BATCH])
        batch = slice(at, at + _BATCH)
        search.store_terms(zip(ids[batch], ready.terms[batch], strict=True))
    if (active := file["session"]["active_message"]) is not None:
        session.active_message_id = ids[active - 1]
        session.save(update_fields=["active_message_id"])
    search.index_title(session)
    transaction.on_commit(partial(enqueue, "conversations.tasks.index_session", str(session.id)))
    return session


def _message(
    session: Session, values: Mapping[str, Any], count: int, ids: Sequence[int]
) -> Message:
    fields = {name: values[name] for name in MESSAGE_FIELDS if name in values}
    cost = values.get("cost")
    fields.setdefault("token_count", count)
    return Message(
        id=ids[values["number"] - 1],
        session=session,
        user_id=session.user_id,
        parent_message_id=ids[values["parent"] - 1] if values["parent"] else None,
        cost_nano=None if cost is None else int(cost * NANO),
        **fields,
    )
