"""Moderation, reranking, pictures, speech and transcription by OpenAI's client; and what all of
them have of Rini: a hold, a row in the ledger, budgets, restricted tokens, an end with the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest

from billing.models import Hold, UsageRecord
from tests.billing.ledger_world import budget
from tests.conftest import User
from tests.conversations.conftest import PROVIDER_KEY, add_keys, eventually
from tests.dialects.openai_client import alices, client_of, ledger_row
from tests.dialects.streams import give_up
from tests.vendors.script import Cut, Failure, Script, Tokens
from tests.vendors.stage import Stage

__all__ = ["alices"]
RECORDING = b"\xff\xfb\x90" * 3000
BODIES: dict[str, dict[str, Any]] = {
    "/v1/moderations": {"input": "나쁜 말"},
    "/v1/rerank": {"model": "openai/ranker", "query": "휴가", "documents": ["연차 휴가", "食堂"]},
    "/v1/images/generations": {"model": "gpt-image-1", "prompt": "富士山"},
    "/v1/audio/speech": {"model": "tts-1", "input": "你好", "voice": "alloy"},
}
TRANSCRIPTIONS = "/v1/audio/transcriptions"
EACH = pytest.mark.parametrize("path", [*BODIES, TRANSCRIPTIONS])


def post(user: httpx.Client, path: str, **more: Any) -> httpx.Response:
    if path == TRANSCRIPTIONS:
        form = {"model": "openai/whisper-1", **more}
        return user.post(path, data=form, files={"file": ("회의.mp3", RECORDING)})
    return user.post(path, json={**BODIES[path], **more})


def test_texts_are_moderated(alices: openai.OpenAI, stage: Stage) -> None:
    answer = alices.moderations.create(input=["나쁜 말", "こんにちは"])
    assert [result.flagged for result in answer.results] == [True, False]
    call = stage.wait_for_call()
    assert (call.path, call.body["model"]) == ("/v1/moderations", "omni-moderation-latest")
    assert call.key == PROVIDER_KEY
    row = ledger_row()
    assert (row.purpose, row.provider, row.model) == ("moderation", "openai", call.body["model"])
    assert (row.status, row.usage_source, row.output_tokens) == ("completed", "estimated", 0)
    assert row.input_tokens


def test_documents_are_reranked(alice: User, stage: Stage) -> None:
    add_keys(alice)
    stage.next(Script(usage=Tokens(input=33)))
    answer = post(alice, "/v1/rerank", top_n=2, brand_new=[1])
    assert [result["index"] for result in answer.json()["results"]] == [0, 1]
    body = stage.wait_for_call().body
    assert (body["model"], body["top_n"], body["brand_new"]) == ("ranker", 2, [1])
    row = ledger_row()
    assert (row.purpose, row.input_tokens, row.usage_source) == ("rerank", 33, "vendor")


def test_pictures_are_made_and_counted(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(usage=Tokens(input=12, output=4160)))
    answer = alices.images.generate(model="gpt-image-1", prompt="富士山", n=2)
    assert [picture.b64_json for picture in answer.data or ()] == ["aW1hZ2U="] * 2
    row = ledger_row()
    assert (row.purpose, row.input_tokens, row.output_tokens) == ("image", 12, 4160)
    assert row.usage_source == "vendor"


def test_a_vendor_that_counts_nothing_is_estimated(alices: openai.OpenAI, stage: Stage) -> None:
    stage.next(Script(usage=None))
    alices.images.generate(model="openai/dall-e-3", prompt="富士山", n=3)
    row = ledger_row()
    assert (row.output_tokens, row.usage_source, row.cost_nano) == (3 * 1056, "estimated", None)
    assert row.charged_nano > 0


def test_a_picture_streams_as_it_becomes_clearer(alice: User, stage: Stage) -> None:
    add_keys(alice)
    usage = '{"input_tokens": 5, "output_tokens": 700}'
    events = (
        'event: image_generation.partial_image\ndata: {"b64_json": "aQ=="}\n\n'
        f'event: image_generation.completed\ndata: {{"b64_json": "aW1n", "usage": {usage}}}\n\n'
    )
    stage.next(Script(raw=events.encode(), content_type="text/event-stream"))
    answer = post(alice, "/v1/images/generations", stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text == events
    assert eventually(UsageRecord.objects.first).output_tokens == 700


def test_a_text_is_spoken(alices: openai.OpenAI, stage: Stage) -> None:
    spoken = alices.audio.speech.create(model="tts-1", voice="alloy", input="안녕하세요")
    assert spoken.content == "소리: 안녕하세요".encode()
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    row = ledger_row()
    assert (row.purpose, row.output_tokens, row.usage_source) == ("speech", 10, "estimated")


def test_a_recording_that_breaks_off_is_not_whole(alice: User, stage: Stage) -> None:
    add_keys(alice)
    stage.next(Script(raw=b"x" * 100_000, content_type="audio/mpeg", cut=Cut(after_bytes=5)))
    with pytest.raises(httpx.RemoteProtocolError):
        post(alice, "/v1/audio/speech", stream=True)
    assert eventually(UsageRecord.objects.first).status == "failed"


def test_a_recording_is_transcribed(alices: openai.OpenAI, stage: Stage) -> None:
    answer = alices.audio.transcriptions.create(
        model="whisper-1",
        file=("회의.mp3", RECORDING),
        language="ko",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.text == f"회의.mp3: {len(RECORDING)}"
    body = stage.wait_for_call().body
    assert (body["model"], body["language"]) == ("whisper-1", "ko")
    assert body["timestamp_granularities[]"] == ["word", "segment"]
    assert body["file"] == ("회의.mp3", RECORDING)
    row = ledger_row()
    assert (row.purpose, row.input_tokens, row.usage_source) == ("transcription", 90, "estimated")


def test_a_transcript_may_be_plain_text(alices: openai.OpenAI) -> None:
    text = alices.audio.transcriptions.create(
        model="openai/whisper-1", file=("a.wav", RECORDING), response_format="text"
    )
    assert text == f"a.wav: {len(RECORDING)}"
    row = ledger_row()
    assert row.input_tokens
    assert (row.input_tokens >= 9, row.usage_source) == (True, "estimated")


@EACH
def test_a_spent_budget_refuses_it(alice: User, stage: Stage, path: str) -> None:
    add_keys(alice)
    budget("user", UUID(alice.user_id), 1)
    answer = post(alice, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "budget_exceeded")
    assert stage.calls == []
    assert not UsageRecord.objects.exists()


@EACH
def test_a_token_for_other_models_may_not_ask(alice: User, stage: Stage, path: str) -> None:
    add_keys(alice)
    made = alice.post("/tokens/", json={"name": "좁은", "allowed_models": ["openai/gpt-4o-mini"]})
    alice.headers["Authorization"] = f"Bearer {made.json()['token']}"
    answer = post(alice, path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")
    assert stage.calls == []


@EACH
def test_a_vendors_failure_is_told_in_openais_shape(alice: User, stage: Stage, path: str) -> None:
    add_keys(alice)
    stage.next(Script(failure=Failure(429)), Script(failure=Failure(401)))
    answer = post(alice, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert post(alice, path).json()["error"]["code"] == "provider_key_invalid"
    rows = UsageRecord.objects.all()
    assert [(row.status, row.input_tokens) for row in rows] == [("failed", 0)] * 2


@EACH
def test_a_caller_that_leaves_stops_it(alice: User, stage: Stage, path: str) -> None:
    add_keys(alice)
    stage.next(Script(hangs=True))
    if path == TRANSCRIPTIONS:
        with pytest.raises(httpx.ReadTimeout):
            alice.post(path, data={"model": "whisper-1"}, files={"file": ("a", b"a")}, timeout=1)
    else:
        give_up(alice, path, BODIES[path])
    assert stage.wait_for_call().wait_closed(5)
    assert eventually(UsageRecord.objects.first).status == "stopped"
    eventually(lambda: not Hold.objects.exists())


@pytest.mark.parametrize(
    ("path", "more", "param"),
    [
        ("/v1/images/generations", {"n": "3"}, "n"),
        ("/v1/images/generations", {"stream": "yes"}, "stream"),
        ("/v1/rerank", {"model": None}, "model"),
        ("/v1/rerank", {"model": 3}, "model"),
        ("/v1/rerank", {"model": "nobody/ranker"}, "model"),
        ("/v1/rerank", {"model": "anthropic/claude-sonnet-4-5"}, "model"),
        ("/v1/rerank", {"models": ["a/b"]}, "models"),
        (TRANSCRIPTIONS, {"model": ""}, "model"),
        (TRANSCRIPTIONS, {'a"; name="model': "whisper-2"}, "a%22; name=%22model"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    alice: User, stage: Stage, path: str, more: dict[str, Any], param: str
) -> None:
    add_keys(alice)
    answer = post(alice, path, **more)
    assert answer.status_code in {400, 404}
    assert answer.json()["error"]["param"] == param
    assert stage.calls == []


def test_a_form_without_a_recording_is_refused(alice: User) -> None:
    answer = alice.post(TRANSCRIPTIONS, data={"model": "whisper-1"}, files={"other": ("a", b"a")})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
    assert alice.post(TRANSCRIPTIONS, json={"model": "whisper-1"}).status_code == 415


def test_a_provider_without_a_key_says_so(new_user: Callable[..., User]) -> None:
    with client_of(new_user()) as nobodys, pytest.raises(openai.BadRequestError) as refused:
        nobodys.moderations.create(input="안녕")
    assert refused.value.code == "provider_key_missing"
