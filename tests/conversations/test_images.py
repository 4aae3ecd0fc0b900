"""Images in messages: which are taken, how vendors get them, who may see them, when they go."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from PIL import Image

from conversations.answering.images import GONE
from conversations.files import attachments
from conversations.models import Message
from tests.conftest import User
from tests.conversations.conftest import add_keys, eventually, stored
from tests.conversations.reading import events_of, text_of
from tests.vendors.script import Failure, Script
from tests.vendors.stage import Call, Stage

ADDRESS = "/llm/image-completion/"
NAME = "시장에서 市場の写真.png"
FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#2f6f8f").save(buffer, kind, **options)
    return buffer.getvalue()


PNG = picture()


def look(
    user: User, data: bytes = PNG, name: str = NAME, claimed: str = "image/png", **fields: Any
) -> httpx.Response:
    fields = {"provider": "local", "model": "seeing", "prompt": "이게 뭐예요?", **fields}
    return user.post(ADDRESS, data=fields, files={"image_file": (name, data, claimed)})


def files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def images_in(call: Call) -> list[bytes]:
    """The images that a vendor got, whatever its format, in their order."""
    found = []
    for text in _texts(call.body):
        if text.startswith("data:image/"):
            found.append(base64.b64decode(text.partition(",")[2]))
        elif len(text) > 60 and " " not in text:
            found.append(base64.b64decode(text))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _texts(inner)


@pytest.fixture(autouse=True)
def _no_files() -> Iterator[None]:
    """What a table forgets in a moment leaves its files to the daily sweep."""
    for path in files():
        path.unlink()
    yield
    for path in files():
        path.unlink()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "local"])
def test_an_image_is_answered_and_kept_with_the_question(
    alice: User, session: str, stage: Stage, provider: str
) -> None:
    add_keys(alice)
    stage.next(Script(pieces=["바다", "예요"]))
    model = {"model": "seeing"} if provider == "local" else {"model": ""}
    fields = {"provider": provider, "session_id": session, "prompt": "여기는?", **model}
    answer = alice.post(
        ADDRESS,
        data={name: value for name, value in fields.items() if value},
        files={"image_file": (NAME, PNG, "application/octet-stream")},
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["response_text"], told["session_id"]) == ("바다예요", session)
    assert told["assistant_message"]["content"] == "바다예요"
    call = stage.wait_for_call()
    assert images_in(call) == [PNG]
    assert "여기는?" in json.dumps(call.body, ensure_ascii=False)
    question = alice.get(f"/sessions/{session}/messages/").json()[0]
    assert question == told["user_message"]
    assert (question["content"], question["mime_type"]) == ("여기는?", "image/png")
    assert question["original_filename"] == NAME
    [file] = files()
    assert question["file_reference"] == str(file.relative_to(settings.MEDIA_ROOT))
    assert not set("시장市") & set(question["file_reference"])


def test_the_default_model_is_one_that_sees(alice: User, stage: Stage) -> None:
    add_keys(alice)
    models = {model["id"]: model for model in alice.get("/llm/models").json()}
    for number, provider in enumerate(("openai", "anthropic", "google"), 1):
        answer = alice.post(ADDRESS, data={"provider": provider}, files={"image_file": ("a", PNG)})
        assert answer.status_code == 200, answer.text
        assert models[f"{provider}/{stage.wait_for_call(number).model}"]["vision"]


def test_without_a_session_nothing_is_stored(alice: User, stage: Stage) -> None:
    told = look(alice).json()
    assert told["response_text"] == "이게 뭐예요?"
    assert (told["session_id"], told["assistant_message"]) == (None, None)
    assert images_in(stage.wait_for_call()) == [PNG]
    assert stored() == (0, 0, 0, 1)
    assert not files()


def test_an_answer_about_an_image_can_be_streamed(alice: User, session: str, stage: Stage) -> None:
    for answer in (look(alice, stream="true"), look(alice, stream="true", session_id=session)):
        assert text_of(events_of(answer)) == "이게 뭐예요?"


def test_a_retry_with_its_key_is_one_question(alice: User, session: str, stage: Stage) -> None:
    request = alice.build_request(
        "POST",
        ADDRESS,
        data={"provider": "local", "model": "seeing", "session_id": session},
        files={"image_file": (NAME, PNG)},
        headers={"Idempotency-Key": "image-0123456789-0123456789-01234"},
    )
    first, again = alice.send(request), alice.send(request)
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert (len(stage.calls), len(files()), Message.objects.count()) == (1, 1, 2)


def test_images_of_earlier_turns_go_along(alice: User, session: str, stage: Stage) -> None:
    other = picture("JPEG")
    look(alice, session_id=session)
    look(alice, other, session_id=session)
    body = {"text": "차이는?", "provider": "local", "model": "seeing", "session_id": session}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    assert images_in(stage.wait_for_call(3)) == [PNG, other]
    first, last = stage.wait_for_call(2), stage.wait_for_call(3)
    assert last.body["messages"][:2] == first.body["messages"][:2]


def test_a_model_without_eyes_is_told_that_there_was_an_image(
    alice: User, session: str, stage: Stage
) -> None:
    look(alice, session_id=session)
    body = {"text": "계속", "model": "demo/demo", "session_id": session}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    refused = look(alice, provider="demo", model="demo", session_id=session)
    assert (refused.status_code, refused.json()["code"]) == (400, "model_without_vision")
    assert len(files()) == 1


def test_an_edited_question_keeps_its_image(alice: User, session: str, stage: Stage) -> None:
    question = look(alice, session_id=session).json()["user_message"]
    body = {"content": "다시 물을게요", "provider": "local", "model": "seeing"}
    edited = alice.post(f"/messages/{question['id']}/edit", json=body).json()["user_message"]
    assert edited["file_reference"] == question["file_reference"]
    assert images_in(stage.wait_for_call(2)) == [PNG]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_file_is_served_as_what_it_is_under_its_name(
    alice: User, session: str, stage: Stage, kind: str
) -> None:
    data = picture(kind)
    question = look(alice, data, claimed="text/html", session_id=session).json()["user_message"]
    answer = alice.get(f"/messages/{question['id']}/file")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == FORMATS[kind]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    shown = answer.headers["content-disposition"]
    assert shown.startswith("inline; filename*=utf-8''%EC%8B%9C%EC%9E%A5")
    assert "no-cache" in answer.headers["cache-control"]


def test_the_file_is_its_owners_alone(
    alice: User, bob: User, client: httpx.Client, session: str, stage: Stage
) -> None:
    told = look(alice, session_id=session).json()
    address = f"/messages/{told['user_message']['id']}/file"
    assert bob.get(address).status_code == 404
    assert client.get(address).status_code == 401
    assert alice.get(f"/messages/{told['assistant_message']['id']}/file").status_code == 404
    assert alice.get("/messages/999999999999999999/file").status_code == 404
    assert look(bob, session_id=session).status_code == 404
    assert len(files()) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\사진\\봄.png", "봄.png"),
        ("한글.png", "한글.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("가" * 300 + ".png", "가" * 251 + ".png"),
    ],
)
def test_names_are_data_without_paths_and_tricks(
    alice: User, session: str, stage: Stage, given: str, kept: str
) -> None:
    question = look(alice, name=given, session_id=session).json()["user_message"]
    assert question["original_filename"] == kept
    answer = alice.get(f"/messages/{question['id']}/file")
    assert answer.status_code == 200
    assert "\u202e" not in answer.headers["content-disposition"]


def bomb() -> bytes:
    """A PNG of 30,000 × 30,000 pixels in a few hundred bytes."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 90_001)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def moving() -> bytes:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7",
        PNG[:40],
        PNG[:45] + b"\0\0\0\0" + PNG[49:],
        picture("BMP"),
        picture("TIFF"),
        bomb(),
        moving(),
    ],
    ids=["empty", "text", "svg", "pdf", "cut", "damaged", "bmp", "tiff", "bomb", "moving"],
)
def test_what_is_no_image_that_models_take_is_refused_and_not_kept(
    alice: User, session: str, stage: Stage, data: bytes
) -> None:
    answer = look(alice, data, session_id=session)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"].keys() == {"image_file"}
    assert not files()
    assert not stage.calls


def test_a_file_that_is_too_large_is_refused(
    alice: User, start_server: Callable[..., Any], session: str
) -> None:
    small = start_server(MAX_IMAGE_BYTES="200", MAX_IMAGE_PIXELS="100")
    fields = {"provider": "local", "model": "m", "session_id": session}

    def send(data: bytes) -> httpx.Response:
        return alice.post(small.url + ADDRESS, data=fields, files={"image_file": ("a", data)})

    assert send(PNG + b"\0" * 200).status_code == 413
    pixels = send(picture(size=(11, 10)))
    assert (pixels.status_code, pixels.json()["code"]) == (400, "image_not_accepted")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": {"provider": "local"}}, 415),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        (
            {
                "content": b"--b\r\nx",
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            400,
        ),
        ({"files": {"other": ("a.png", PNG)}}, 400),
        ({"files": {"image_file": ("a.png", PNG)}, "data": {"provider": "nobody"}}, 400),
        ({"files": {"image_file": ("a.png", PNG)}, "data": {"session_id": "7"}}, 400),
    ],
)
def test_a_form_that_is_none_is_refused_clearly(
    alice: User, options: dict[str, Any], status: int
) -> None:
    answer = alice.post(ADDRESS, **options)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_a_refused_turn_leaves_no_file(alice: User, session: str, stage: Stage) -> None:
    assert look(alice, session_id=session, parent_message_id=77).status_code == 404
    assert not files()


def test_a_failed_answer_leaves_the_question_with_its_image(
    alice: User, session: str, stage: Stage
) -> None:
    stage.next(Script(failure=Failure(503)))
    assert look(alice, session_id=session).status_code in {502, 503}
    assert len(files()) == 1


@pytest.mark.parametrize("through", ["session", "user"])
def test_a_file_goes_with_what_it_belongs_to(
    alice: User, session: str, stage: Stage, through: str
) -> None:
    look(alice, session_id=session)
    assert len(files()) == 1
    address = f"/sessions/{session}" if through == "session" else "/users/me"
    assert alice.delete(address).status_code == 204
    eventually(lambda: not files())


def test_a_fork_keeps_the_file_when_its_source_goes(
    alice: User, session: str, stage: Stage
) -> None:
    told = look(alice, session_id=session).json()
    body = {"message_id": told["assistant_message"]["id"]}
    copy = alice.post(f"/sessions/{session}/fork", json=body).json()["id"]
    alice.delete(f"/sessions/{session}")
    question = alice.get(f"/sessions/{copy}/messages/").json()[0]
    assert alice.get(f"/messages/{question['id']}/file").content == PNG
    alice.delete(f"/sessions/{copy}")
    eventually(lambda: not files())


def test_orphans_are_swept_up_and_what_is_used_or_fresh_stays(
    alice: User, session: str, stage: Stage
) -> None:
    look(alice, session_id=session)
    [used] = files()
    old, fresh = (used.with_name(f"{name}.png") for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(PNG)
    for path in (old, used):
        os.utime(path, (1, 1))
    assert attachments.sweep() == 1
    assert set(files()) == {used, fresh}


def test_a_lost_file_is_told_as_lost(alice: User, session: str, stage: Stage) -> None:
    question = look(alice, session_id=session).json()["user_message"]
    files()[0].unlink()
    assert alice.get(f"/messages/{question['id']}/file").status_code == 404
    body = {"text": "그래도", "provider": "local", "model": "seeing", "session_id": session}
    assert alice.post("/llm/text-completion/", json=body).status_code == 200
    assert GONE in json.dumps(stage.wait_for_call(2).body)


def photo(kind: str, orientation: int = 1) -> bytes:
    """Half red, half blue, 40 × 20, with the place where it was taken."""
    image = Image.new("RGB", (40, 20), "#ff0000")
    image.paste("#0000ff", (20, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "A camera of 서울"
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_a_camera_wrote_beside_its_picture_reaches_nobody(
    alice: User, stage: Stage, session: str, kind: str
) -> None:
    answer = look(alice, photo(kind), session_id=session)
    assert answer.status_code == 200, answer.text
    [sent] = images_in(stage.wait_for_call())
    message = Message.objects.get(file_reference__gt="")
    kept = alice.get(f"/messages/{message.pk}/file").content
    for data in (sent, kept):
        image = Image.open(io.BytesIO(data))
        assert image.format == kind
        assert not image.getexif()
        assert b"camera of" not in data


@pytest.mark.parametrize(
    ("orientation", "size", "first"),
    [(1, (40, 20), 0), (3, (40, 20), 2), (6, (20, 40), 0), (8, (20, 40), 2)],
)
def test_a_picture_is_turned_as_its_camera_was_held(
    alice: User, stage: Stage, orientation: int, size: tuple[int, int], first: int
) -> None:
    assert look(alice, photo("JPEG", orientation)).status_code == 200
    [sent] = images_in(stage.wait_for_call())
    image = Image.open(io.BytesIO(sent)).convert("RGB")
    assert image.size == size
    pixel: Any = image.getpixel((2, 2))
    assert pixel[first] > 200


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_picture_that_breaks_off_is_refused_before_it_is_kept(
    alice: User, stage: Stage, session: str, kind: str, part: float
) -> None:
    noise = Image.effect_noise((300, 300), 90)
    buffer = io.BytesIO()
    noise.save(buffer, kind)
    data = buffer.getvalue()
    answer = look(alice, data[: int(len(data) * part)], session_id=session)
    assert answer.status_code == 400, answer.text
    assert "image_file" in answer.json()["errors"]
    assert stage.calls == []
    assert files() == []
    assert look(alice, data, session_id=session).status_code == 200


def test_a_picture_without_a_cameras_words_goes_on_as_it_is(alice: User, stage: Stage) -> None:
    data = picture("JPEG", (64, 64), quality=80)
    assert look(alice, data).status_code == 200
    assert images_in(stage.wait_for_call()) == [data]
