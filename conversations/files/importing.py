"""Sessions from files: Rini's own JSON, and ChatGPT's export (see `conversations.files.chatgpt`).

What a file says of costs and tokens is kept as information. The ledger knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts.models import User
from conversations import search, tree
from conversations.files import chatgpt
from conversations.files.exporting import MESSAGE_FIELDS, SESSION_FIELDS
from conversations.files.import_format import ImportedFile
from conversations.models import Message, Session
from providers import token_counts
from rini.errors import InvalidInput
from rini.money import NANO
from rini.translation import gettext as _
from rini.web.api import field_errors

_BATCH = 1000


def from_file(user: User, document: Any) -> Session | list[Session]:
    """The session of Rini's JSON or of one conversation of ChatGPT's, the sessions of a list of
    those. All or none. Raises `InvalidInput` that says where a file is wrong."""
    with transaction.atomic():
        if isinstance(document, list):
            return [
                _store(user, _validated(chatgpt.read(one, f"{place}"), f"{place}."))
                for place, one in enumerate(document)
            ]
        if isinstance(document, dict) and "mapping" in document:
            document = chatgpt.read(document)
        return _store(user, _validated(document))


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


def _store(user: User, file: Mapping[str, Any]) -> Session:
    fields = {name: file["session"][name] for name in SESSION_FIELDS}
    session = Session.objects.create(user=user, **fields)
    ids = tree.new_ids(len(file["messages"]))
    messages = [_message(session, values, ids) for values in file["messages"]]
    for at in range(0, len(messages), _BATCH):
        batch = messages[at : at + _BATCH]
        Message.objects.bulk_create(batch)
        search.index_messages(batch)
    if (active := file["session"]["active_message"]) is not None:
        session.active_message_id = ids[active - 1]
        session.save(update_fields=["active_message_id"])
    search.index_title(session)
    return session


def _message(session: Session, values: Mapping[str, Any], ids: Sequence[int]) -> Message:
    fields = {name: values[name] for name in MESSAGE_FIELDS if name in values}
    cost = values.get("cost")
    if "token_count" not in values:
        fields["token_count"] = token_counts.count(values["content"])
    return Message(
        id=ids[values["number"] - 1],
        session=session,
        user_id=session.user_id,
        parent_message_id=ids[values["parent"] - 1] if values["parent"] else None,
        cost_nano=None if cost is None else int(cost * NANO),
        **fields,
    )
