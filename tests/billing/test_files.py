"""What a file may cost is held before its vendor opens it, whatever is said of it."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any
from uuid import UUID

import pytest

from billing.models import Hold
from tests.billing.ledger_world import budget, check_sums
from tests.billing.test_thinking import leave_after
from tests.conftest import User
from tests.conversations.conftest import add_keys
from tests.dialects.openai_client import ASK, CLAUDE, GEMINI, GPT
from tests.vendors.script import Script
from tests.vendors.stage import Stage

TEN_CENTS = 10**8
"""100,000 tokens into Gemini 2.5 Flash at its dearest, 33,000 into Claude Sonnet."""
TEXT = "길고 긴 이야기는 끝나지 않는다. " * 6_000


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def picture(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(**said: Any) -> dict[str, Any]:
    return {"type": "file", "file": said}


def sound(form: str, raw: bytes) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"format": form, "data": encoded(raw)}}


def wav(samples_per_second: int, form: int = 1) -> bytes:
    """Ten thousand samples of 16 bits."""
    told = struct.pack("<HHIIHH", form, 1, samples_per_second, 2 * samples_per_second, 2, 16)
    head = b"RIFF" + struct.pack("<I", 20_036) + b"WAVEfmt " + struct.pack("<I", 16)
    return head + told + b"data" + struct.pack("<I", 20_000) + bytes(20_000)


def pdf(pages: int, said: bytes) -> bytes:
    """As programs write them: packed, so that neither its pages nor its text can be seen."""
    tree = zlib.compress(b"<</Type/Page>>" * pages)
    text = zlib.compress(b"(" + said + b") Tj " * pages)
    return b"%PDF-1.5\n1 0 obj<</Type/ObjStm>>stream\n" + tree + text + b"\nendstream"


PDF = encoded(pdf(500, b"word " * 1000))
MP3 = b"\xff\xfb\x90\x00" + bytes(60_000)
WEB = "https://v.test"
MAY_BE_ANYTHING: dict[str, dict[str, Any]] = {
    "a packed pdf": file(file_data=f"data:application/pdf;base64,{PDF}"),
    "a pdf with a long header": file(file_data=f"data:application/pdf;x={'x' * 400};base64,{PDF}"),
    "a pdf as a picture": picture(f"data:application/pdf;x={'x' * 400};base64,{PDF}"),
    "a pdf in percents": picture("data:application/pdf," + "%25PDF-1.5%ff" * 9),
    "a pdf in lines": file(file_data="\n".join(PDF), filename="a.txt"),
    "a pdf as text": file(file_data=PDF, format="text/plain"),
    "a pdf of text": file(file_data=encoded(b"%PDF-1.4\n(a) Tj"), filename="a.pdf"),
    "a film by its name": file(file_data=encoded(bytes(2_000)), filename="a.mp4"),
    "a film by its form": file(file_data=encoded(bytes(2_000)), format="video/mp4", type="image"),
    "a small film": picture(f"data:video/mp4;base64,{encoded(bytes(2_000))}"),
    "a film elsewhere": {"type": "video_url", "video_url": {"url": f"{WEB}/a"}},
    "a film at YouTube as a picture": picture("https://www.youtube.com/watch?v=abc"),
    "anything elsewhere as a picture": picture(f"{WEB}/show?id=1"),
    "a pdf elsewhere as a picture": picture(f"{WEB}/a.pdf"),
    "an odd address": picture("HTTPS://[v.test/a"),
    "a file of Google's": file(file_id=f"{WEB}/v1beta/files/abc", format="image/png"),
    "an hour of silence": sound("flac", b"fLaC" + bytes(7_000)),
    "the same said to be mp3": sound("mp3", b"fLaC" + bytes(7_000)),
    "the same behind a tag": sound("mp3", b"ID3\x04\x00\x00\x00\x00\x00\x00fLaC" + bytes(7_000)),
    "a slow wav": sound("wav", wav(1)),
    "a packed wav": sound("wav", wav(16_000, form=0x55)),
    "a wav with two heads": sound("wav", wav(16_000)[:36] + wav(1)[12:]),
}


@pytest.fixture
def poor(alice: User) -> User:
    """Alice with keys, and a hard budget of ten cents."""
    add_keys(alice)
    budget("user", UUID(alice.user_id), TEN_CENTS)
    return alice


def ask(who: User, *parts: Any, model: str = GEMINI, path: str = "/v1/chat/completions") -> Any:
    messages = [{"role": "user", "content": list(parts)}]
    body = {"model": model, "messages": messages, "max_tokens": 1}
    return who.post(path, json=body)


@pytest.mark.parametrize("what", MAY_BE_ANYTHING)
def test_what_may_fill_a_window_is_held_as_one(what: str, poor: User, stage: Stage) -> None:
    answer = ask(poor, MAY_BE_ANYTHING[what])
    assert answer.status_code == 402, answer.text
    assert stage.calls == []
    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    "part",
    [
        picture(f"data:image/png;base64,{encoded(bytes(300_000))}"),
        picture(f"{WEB}/a.png"),
        file(file_data=encoded(b"a text " * 10_000), filename="a.txt"),
        sound("mp3", MP3),
        sound("wav", wav(16_000)),
        sound("webm", b"\x1aE\xdf\xa3...OpusHead" + bytes(20_000)),
    ],
)
def test_what_its_size_limits_is_held_by_that(
    part: dict[str, Any], poor: User, stage: Stage
) -> None:
    answer = ask(poor, part)
    assert answer.status_code == 200, answer.text
    check_sums()


@pytest.mark.parametrize(
    "parts",
    [
        [picture(f"{WEB}/{'가' * 64}"), {"type": "text", "text": f"{WEB}/{'가' * 64}" * 4_000}],
        [{"type": "x", "content": {"type": "y", "url": TEXT}}, {"type": "text", "text": TEXT}],
        [file(type="image", format="text/plain", file_data=encoded(TEXT.encode()))],
    ],
)
def test_text_hides_behind_no_file(parts: list[Any], poor: User, stage: Stage) -> None:
    """A text that is a file's address too, one in a place of files, and one that is called one."""
    assert ask(poor, *parts, model="openai/gpt-4o").status_code == 402
    assert stage.calls == []


@pytest.mark.parametrize(
    "block",
    [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        },
        {"type": "document", "source": {"type": "url", "url": f"{WEB}/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_abc"}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "format": "image", "data": TEXT},
        },
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "document", "source": {"type": "url", "url": f"{WEB}/a.pdf"}}],
        },
    ],
)
def test_the_same_in_anthropics_format(block: dict[str, Any], poor: User, stage: Stage) -> None:
    assert ask(poor, block, model=CLAUDE, path="/v1/messages").status_code == 402
    assert stage.calls == []


def test_a_document_is_charged_to_who_leaves_before_the_vendor_tells(
    alice: User, stage: Stage
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["조각 "] * 30, delay=0.1))
    document = file(file_data=f"data:application/pdf;base64,{encoded(b'%PDF /Count 15')}")
    record = leave_after(2, alice, GPT, messages=[*ASK, {"role": "user", "content": [document]}])
    assert (record.status, record.usage_source) == ("stopped", "estimated")
    assert (record.input_tokens or 0) > 15 * 6_000
