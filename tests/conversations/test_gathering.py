"""What an answer is made from, gathered by whichever process goes on with it."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from accounts.authentication import Caller
from accounts.models import User as Account
from billing.holds import Payer
from billing.purposes import Purpose
from conversations.answering import gathering, prompt
from conversations.answering.choice import Choice
from conversations.answering.context import History
from conversations.answering.turn import Turn
from conversations.models import Generation
from conversations.tree import PathTurn
from providers.catalogue import Route
from providers.types import Target
from rini.errors import Unavailable
from rini.storage.database import in_database
from tests.conftest import User
from tests.conversations.conftest import new_session
from tests.conversations.test_messages import say
from tests.vendors.stage import Stage

ROUTE = Route(
    Target("local", "openai", "played", "http://127.0.0.1"),
    None,
    None,
    None,
    vision=True,
    tools=True,
)
PAYER = Payer(uuid4(), Purpose.CHAT)
CALLER = Caller(Account(), None)


async def test_what_is_stored_of_a_turn_is_enough_to_tell_a_model_the_same(
    alice: User, stage: Stage
) -> None:
    session_id = new_session(alice, system_prompt="간단히")
    say(alice, session_id, "北京呢？")
    say(alice, session_id, "東京は？", llm_params={"temperature": 0.5})
    rows = Generation.objects.select_related("session", "user_message")
    row = await in_database(lambda: rows.latest("created_at"))
    turn = Turn(row, Choice(**(row.choice or {})), ROUTE, PAYER, CALLER)
    history = (await gathering.gather(turn)).history
    told = prompt.assemble(history.system_prompt, history.turns, history.summary)
    assert told == stage.calls[-1].body["messages"]
    assert turn.choice.params == {"temperature": 0.5}


async def test_an_image_that_does_not_come_in_time_is_not_left_out_in_silence(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Path(settings.MEDIA_ROOT) / "images" / "00" / f"{uuid4().hex}.png"
    pipe.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(pipe)  # whoever reads it waits
    monkeypatch.setattr(gathering, "IMAGES_SECONDS", 0.05)
    asked = PathTurn(1, "user", "이게 뭐예요?", 5, f"images/00/{pipe.name}")
    turn = Turn(Generation(), Choice(), ROUTE, PAYER, CALLER, History("", [asked]))
    try:
        with pytest.raises(Unavailable, match="images"):
            await gathering.gather(turn)
    finally:
        os.close(os.open(pipe, os.O_WRONLY))  # lets the reader go
        pipe.unlink()
