"""Errors and the administration speak the caller's language, on every route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from django.utils import translation
from rest_framework import fields, serializers, validators

from tests.admin_browser import AdminBrowser
from tests.conftest import User
from tests.conversations.windows import Window
from tests.rini_server import RiniServer

ROOT = Path(__file__).parent.parent.parent
LOCALES = {"ko": "ko", "zh-hans": "zh_Hans", "ja": "ja"}
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
}
PACKAGES = ("rini", "accounts", "billing", "providers", "memory", "knowledge", "conversations")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[ds]|\{\w+(?::\w+)?\}")
NOT_FOUND = {
    "ko": "찾을 수 없습니다",
    "zh-hans": "找不到",
    "ja": "見つかりません",
    "en": "not found",
}
NO_TOKEN = {
    "ko": "토큰을 보내 주십시오",
    "zh-hans": "请发送令牌",
    "ja": "トークンを送信してください",
    "en": "Send a token",
}
REQUIRED = {
    "ko": "필수 항목입니다.",
    "zh-hans": "该字段是必填项。",
    "ja": "この項目は必須です。",
    "en": "This field is required.",
}
in_each = pytest.mark.parametrize("language", ["ko", "zh-hans", "ja", "en"])
in_each_other = pytest.mark.parametrize("language", LOCALES)


def said_in_code() -> set[str]:
    return {
        message if isinstance(message, str) else message[0]
        for package in PACKAGES
        for _, _, message, _, _ in extract_from_dir(
            ROOT / package, method_map=[("**.py", "python")], keywords=KEYWORDS
        )
    }


def catalogue(language: str) -> Catalog:
    path = ROOT / "rini" / "locale" / LOCALES[language] / "LC_MESSAGES" / "django.po"
    return read_po(path.open("rb"))


def messages(language: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], Message]]:
    """The entries of a catalogue: what is said in English, and in the language."""
    for message in catalogue(language):
        if message.id:
            yield _as_tuple(message.id), _as_tuple(message.string), message


def _as_tuple(texts: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts or ())


@in_each_other
def test_every_text_is_translated(language: str) -> None:
    entries = {english[0]: (own, message.fuzzy) for english, own, message in messages(language)}
    assert len(entries) > 500
    assert said_in_code() - entries.keys() == set()
    assert entries.keys() - said_in_code() == set()
    assert [english for english, (own, _) in entries.items() if not all(own)] == []
    assert [english for english, (_, fuzzy) in entries.items() if fuzzy] == []


@in_each_other
def test_translations_keep_the_placeholders(language: str) -> None:
    for english, translated, _ in messages(language):
        for text in translated:
            expected = sorted(PLACEHOLDER.findall(english[-1]))
            assert sorted(set(PLACEHOLDER.findall(text))) == sorted(set(expected)), english


@in_each_other
def test_the_fields_of_rest_framework_speak_the_language(language: str) -> None:
    """After an upgrade of theirs this may name texts for `rini.web.library_messages`."""
    kinds = {
        *(getattr(fields, name) for name in ("CharField", "IntegerField", "FloatField")),
        *(getattr(fields, name) for name in ("BooleanField", "UUIDField", "ChoiceField")),
        *(getattr(fields, name) for name in ("DateTimeField", "DecimalField", "EmailField")),
        *(getattr(fields, name) for name in ("ListField", "DictField", "FileField")),
        *(getattr(fields, name) for name in ("JSONField", "DateField", "BigIntegerField")),
        *(serializers.Serializer, serializers.ListSerializer, serializers.Field),
    }
    lazy = [text for kind in kinds for text in kind.default_error_messages.values()]
    lazy += [fields.CharField.default_error_messages["max_length"]]
    lazy += [validators.ProhibitSurrogateCharactersValidator.message]
    with translation.override("en"):
        english = [str(text) for text in lazy]
    with translation.override(language):
        own = [str(text) for text in lazy]
    assert len(english) > 30
    assert [text for text, other in zip(english, own, strict=True) if text == other] == []


@in_each
def test_a_hot_route_answers_in_the_callers_language(client: httpx.Client, language: str) -> None:
    answer = client.post("/llm/text-completion/", headers={"Accept-Language": language}, json={})
    assert answer.status_code == 401
    assert NO_TOKEN[language] in answer.json()["detail"]
    assert answer.headers["content-language"] == language
    assert "accept-language" in answer.headers["vary"].lower()


@in_each
def test_a_hot_routes_fields_answer_in_the_callers_language(alice: User, language: str) -> None:
    answer = alice.post("/llm/text-completion/", headers={"Accept-Language": language}, json={})
    assert answer.json()["errors"]["text"] == [REQUIRED[language]]


@in_each
def test_an_error_from_a_thread_of_the_database_is_in_the_language(
    alice: User, language: str
) -> None:
    body = {"text": "?", "session_id": "00000000-0000-4000-8000-000000000000"}
    headers = {"Accept-Language": language}
    answer = alice.post("/llm/text-completion/", headers=headers, json=body)
    assert answer.status_code == 404
    assert NOT_FOUND[language] in answer.json()["detail"]


@in_each
def test_an_error_from_another_thread_is_in_the_language(alice: User, language: str) -> None:
    """Pictures are looked at on a thread that Django has not told the language."""
    answer = alice.post(
        "/llm/image-completion/",
        headers={"Accept-Language": language},
        data={"provider": "local"},
        files={"image_file": b"no picture"},
    )
    [refusal] = answer.json()["errors"]["image_file"]
    assert refusal.isascii() == (language == "en")


@in_each
def test_a_route_of_django_answers_in_the_callers_language(alice: User, language: str) -> None:
    headers = {"Accept-Language": language}
    missing = alice.post("/api-keys/", headers=headers, json={})
    assert missing.json()["errors"]["model_provider"] == [REQUIRED[language]]
    assert missing.headers["content-language"] == language
    assert "accept-language" in missing.headers["vary"].lower()


@in_each
def test_one_answer_has_one_language(alice: User, language: str) -> None:
    """Messages of ours, of Django's and of REST framework's, side by side."""
    body = {"model_provider": "nobody", "api_key_value": "a b", "description": ["x"]}
    answer = alice.post("/api-keys/", headers={"Accept-Language": language}, json=body)
    said = answer.json()
    texts = [said["detail"], *(text for texts in said["errors"].values() for text in texts)]
    assert len(texts) == 4
    for text in texts:
        assert text.isascii() == (language == "en") or "“" in text, text
        assert (re.search("[가-힣一-龯ぁ-ん]", text) is None) == (language == "en"), text


@in_each
def test_a_password_is_refused_in_the_language(client: httpx.Client, language: str) -> None:
    body = {"username": "혜진", "password": "ab1"}
    answer = client.post("/users/", headers={"Accept-Language": language}, json=body)
    [*refusals] = answer.json()["errors"]["password"]
    assert refusals
    for text in refusals:
        assert text.isascii() == (language == "en")


@in_each
def test_a_dialect_answers_in_the_callers_language(client: httpx.Client, language: str) -> None:
    headers = {"Accept-Language": language}
    answer = client.post("/v1/chat/completions", headers=headers, json={})
    assert NO_TOKEN[language] in answer.json()["error"]["message"]
    assert answer.headers["content-language"] == language


@in_each
def test_a_websocket_speaks_the_language_of_its_handshake(
    alice: User, server: RiniServer, language: str
) -> None:
    session = alice.post("/sessions/", json={}).json()["id"]
    headers = {"Accept-Language": language}
    with Window(alice, server, session, headers=headers) as window:
        window.ready()
        window.send("attach", generation_id="00000000-0000-4000-8000-000000000000")
        assert NOT_FOUND[language] in window.receive()["problem"]["detail"]


@in_each
def test_the_administration_speaks_the_language(
    olga: User, server: RiniServer, language: str
) -> None:
    title = {"ko": "Rini 관리", "zh-hans": "Rini 管理", "ja": "Rini 管理"}
    browser = AdminBrowser(server.url, "olga", "올가의 긴 암호 2468")
    page = browser.get("", headers={"Accept-Language": language})
    browser.close()
    assert title.get(language, "Rini: administration") in page.text
    assert page.headers["content-language"] == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "en"),
        ("*", "en"),
        ("not a header;;", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-hans"),
        ("zh-TW", "zh-hans"),
        ("de-DE,ja;q=0.7,ko;q=0.3", "ja"),
        ("ko-KR", "ko"),
        ("EN-us,ko;q=0.9", "en"),
    ],
)
def test_the_language_is_the_first_that_rini_speaks(
    client: httpx.Client, header: str, language: str
) -> None:
    answer = client.get("/v1/models", headers={"Accept-Language": header})
    assert answer.headers["content-language"] == language


def test_english_is_the_default(client: httpx.Client) -> None:
    assert "accept-language" not in client.headers
    answer = client.get("/sessions/")
    assert NO_TOKEN["en"] in answer.json()["detail"]
    assert answer.headers["content-language"] == "en"


def test_data_is_in_no_language(alice: User) -> None:
    answer = alice.get("/llm/models", headers={"Accept-Language": "ko"})
    assert answer.status_code == 200
    assert "content-language" not in answer.headers


@in_each_other
def test_the_api_is_described_in_english(client: httpx.Client, language: str) -> None:
    english = client.get("/openapi.json", headers={"Accept-Language": "en"}).json()
    other = client.get("/openapi.json", headers={"Accept-Language": language}).json()
    assert other == english
