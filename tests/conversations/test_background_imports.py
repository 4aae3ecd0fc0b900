"""Large files of conversations: answered at once, taken in by a worker, one after the other."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from conversations import tasks
from conversations.files import import_jobs, importing
from conversations.models import ImportStatus, Session, SessionImport
from tests.conftest import User

MANY = import_jobs.AT_ONCE_CONVERSATIONS + 3


def conversation(text: str) -> dict[str, Any]:
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}}
    return {"title": text, "mapping": {"a": {"message": message, "parent": None}}}


def send(user: User, *conversations: Any) -> dict[str, Any]:
    answer = user.post("/sessions/import", json=list(conversations))
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told


def many() -> list[Any]:
    return [conversation(f"대화 {number}") for number in range(MANY)]


def state(user: User, job: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = user.get(f"/sessions/imports/{job['id']}").json()
    return told


def titles() -> list[str]:
    return sorted(Session.objects.values_list("alias", flat=True))


def files() -> list[Path]:
    folder = Path(settings.MEDIA_ROOT) / import_jobs.FOLDER
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    yield
    for path in files():
        path.unlink()


def test_a_large_file_is_answered_at_once_and_taken_in_afterwards(alice: User) -> None:
    job = send(alice, *many())
    assert (job["status"], job["taken"], job["total"]) == ("waiting", 0, MANY)
    tasks.import_sessions(job["id"])
    done = state(alice, job)
    assert (done["status"], done["taken"]) == ("done", MANY)
    assert titles() == sorted(f"대화 {number}" for number in range(MANY))
    assert len(done["session_ids"]) == MANY
    assert alice.get(f"/sessions/{done['session_ids'][0]}").status_code == 200
    assert files() == []


def test_a_few_large_conversations_are_for_the_background_too(alice: User) -> None:
    long = "긴 이야기 " * 160_000
    job = send(alice, conversation("하나"), conversation(long))
    assert job["total"] == 2


def test_small_files_are_taken_in_at_once(alice: User) -> None:
    answer = alice.post("/sessions/import", json=[conversation("하나"), conversation("둘")])
    assert answer.status_code == 201
    assert titles() == ["둘", "하나"]


def test_a_broken_conversation_is_told_and_the_others_come_in(alice: User) -> None:
    broken = many()
    broken[1] = {"title": "x", "mapping": []}
    broken[4] = "no conversation"
    job = send(alice, *broken)
    tasks.import_sessions(job["id"])
    done = state(alice, job)
    assert (done["status"], done["taken"]) == ("done", MANY)
    assert [refusal["conversation"] for refusal in done["refusals"]] == [1, 4]
    assert all(refusal["detail"] for refusal in done["refusals"])
    assert len(done["session_ids"]) == MANY - 2


@pytest.mark.parametrize("when", [0, 1, 5, MANY - 1])
def test_a_worker_that_dies_anywhere_is_followed_by_one_that_repeats_nothing(
    alice: User, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    job = send(alice, *many())
    store, calls = importing.store, 0

    def dying(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        made = store(*arguments)
        if calls == when + 1:
            raise KeyboardInterrupt  # as SIGKILL, nothing catches it
        return made

    with monkeypatch.context() as patch:
        patch.setattr(importing, "store", dying)
        with pytest.raises(KeyboardInterrupt):
            tasks.import_sessions(job["id"])
    assert state(alice, job)["taken"] == when
    long_ago = timezone.now() - import_jobs.DEAD_AFTER - timedelta(seconds=1)
    SessionImport.objects.update(worked_at=long_ago)
    assert [str(row.pk) for row in import_jobs.left_behind()] == [job["id"]]
    tasks.import_sessions(job["id"])
    assert state(alice, job)["status"] == "done"
    assert titles() == sorted(f"대화 {number}" for number in range(MANY))


def test_two_workers_at_once_repeat_nothing(alice: User) -> None:
    job = send(alice, *many())
    workers = [threading.Thread(target=tasks.import_sessions, args=(job["id"],)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert state(alice, job)["status"] == "done"
    assert titles() == sorted(f"대화 {number}" for number in range(MANY))


def test_a_cancelled_import_goes_no_further_and_what_came_in_stays(alice: User) -> None:
    job = send(alice, *many())
    row = SessionImport.objects.get()
    assert import_jobs._take(row, 0, conversation("대화 0"))
    answer = alice.delete(f"/sessions/imports/{job['id']}")
    assert answer.json()["status"] == "cancelled"
    tasks.import_sessions(job["id"])
    assert titles() == ["대화 0"]
    assert files() == []
    assert alice.delete(f"/sessions/imports/{job['id']}").status_code == 409


def test_where_there_is_no_room_it_ends_and_says_so(alice: User, settings: Any) -> None:
    job = send(alice, *many())
    settings.MAX_USER_BYTES = 40
    tasks.import_sessions(job["id"])
    done = state(alice, job)
    assert done["status"] == "failed"
    assert done["refusals"][-1]["conversation"] == done["taken"]
    assert len(done["session_ids"]) == done["taken"]


def test_imports_of_others_are_not_found(alice: User, bob: User) -> None:
    job = send(alice, *many())
    assert bob.get("/sessions/imports/").json() == []
    for method in ("GET", "DELETE"):
        assert bob.request(method, f"/sessions/imports/{job['id']}").status_code == 404
    assert alice.get(f"/sessions/imports/{uuid.uuid4()}").status_code == 404
    assert [one["id"] for one in alice.get("/sessions/imports/").json()] == [job["id"]]


def test_an_import_goes_with_its_user(alice: User) -> None:
    job = send(alice, *many())
    alice.delete("/users/me").raise_for_status()
    tasks.import_sessions(job["id"])
    assert not Session.objects.exists()
    assert not SessionImport.objects.filter(status=ImportStatus.WAITING).exists()
