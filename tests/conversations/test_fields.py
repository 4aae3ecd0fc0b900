"""No column is forgotten: in files, in forks, and in what readers get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Model

from conversations import fields
from conversations.answering.events import TERMINAL, EventType, JournalEvent
from conversations.api.serializers import MessageSerializer
from conversations.fields import Goes
from conversations.files.import_format import ImportedMessage, ImportedSession
from conversations.message_json import message_data
from conversations.models import GenerationStatus, Message, Session


@pytest.mark.parametrize(
    ("model", "table"), [(Session, fields.SESSION), (Message, fields.MESSAGE)], ids=str
)
def test_every_column_is_in_the_table(model: type[Model], table: dict[str, Goes]) -> None:
    assert set(table) == {field.attname for field in model._meta.concrete_fields}


def test_an_import_reads_every_field_that_an_export_writes() -> None:
    session = set(fields.going(fields.SESSION, Goes.FILE))
    assert set(ImportedSession().fields) == session | {"active_message"}
    message = set(fields.going(fields.MESSAGE, Goes.FILE)) - {"cost_nano"}
    assert set(ImportedMessage().fields) == message | {"number", "parent", "cost"}


@pytest.mark.parametrize("filled", [False, True])
def test_a_message_in_an_event_is_what_the_api_shows(filled: bool) -> None:
    more: dict[str, Any] = {
        "parent_message_id": 7,
        "reasoning": "想",
        "file_reference": "images/5f/5f.png",
        "original_filename": "시장.png",
        "mime_type": "image/png",
        "finish_reason": "length",
        "model_used": "m",
        "provider": "local",
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "token_count": 3,
        "response_time_ms": 4,
        "time_to_first_token_ms": 5,
        "cost_nano": 123_456,
        "citations": [{"id": 1}],
        "tool_calls": [{"id": "a"}],
        "agent_id": uuid4(),
        "agent_version": 6,
    }
    message = Message(
        id=8,
        session_id=uuid4(),
        user_id=uuid4(),
        role="assistant",
        content="答え",
        created_at=datetime(2026, 5, 1, 12, 30, 15, 120 if filled else 0, UTC),
        **(more if filled else {}),
    )
    shown: dict[str, Any] = dict(MessageSerializer(message).data)
    assert message_data(message) == shown
    assert list(message_data(message)) == list(shown)


def test_every_end_of_an_answer_has_its_event() -> None:
    assert set(TERMINAL) == set(GenerationStatus.values) - {"running"}
    assert len(set(TERMINAL.values())) == len(TERMINAL)


def test_an_event_of_a_type_that_there_is_not_is_none() -> None:
    with pytest.raises(ValueError, match="EventType"):
        JournalEvent.from_stored(1, {"type": "text.delta2", "text": "x"}, None)


def test_an_event_says_whose_it_is_once() -> None:
    generation_id = uuid4()
    event = JournalEvent(3, EventType.TEXT, {"text": "글"}, generation_id)
    whose = f'"generation_id":"{generation_id}"'
    assert event.json().decode() == f'{{"seq":3,"type":"text.delta",{whose},"text":"글"}}'
    assert "generation_id" not in event.stored()
