from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from billing.models import UsageRecord
from tests.conftest import User
from tests.conversations.conftest import generate, new_session
from tests.conversations.reading import read, text_of
from tests.vendors.script import Script
from tests.vendors.stage import Stage

GENERATIONS = 100


def test_a_hundred_answers_at_once_come_whole(alice: User, stage: Stage) -> None:
    script = Script(pieces=[f"{n}번째 조각 " for n in range(200)], delay=0.01)
    stage.always(script, model="played")
    sessions = [new_session(alice) for _ in range(5)]

    def whole(number: int) -> str:
        begun = generate(alice, sessions[number % len(sessions)])
        events = read(alice, f"/generations/{begun['id']}/events")
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert events[-1].type == "generation.completed"
        assert events[-1].data["message"]["content"] == text_of(events)
        return text_of(events)

    with ThreadPoolExecutor(GENERATIONS) as threads:
        texts = set(threads.map(whole, range(GENERATIONS)))
    assert texts == {"".join(script.pieces or ())}
    assert UsageRecord.objects.filter(status="completed").count() == GENERATIONS
