"""Documents that a worker fetches from the addresses that users give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

import pytest
from pytest_django import Settings

from knowledge.models import Document
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import new_base, search, shown, stored_files, work


class Site(ThreadingHTTPServer):
    """Pages by their paths; an address as a page is a redirect there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.pages: dict[str, str] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{quote(path)}"


class Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        page = self.server.pages.get(unquote(self.path))
        body = (page or "").encode()
        if page is not None and page.startswith("http"):
            self.send_response(302)
            self.send_header("Location", page)
        else:
            self.send_response(404 if page is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    settings.EGRESS_ALLOWED_HOSTS = ["127.0.0.1"]
    with Site() as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


def add_url(user: User, base: str, url: str) -> str:
    answer = user.post(f"/knowledge-bases/{base}/documents/", json={"url": url})
    assert answer.status_code == 202, answer.text
    document: str = answer.json()["id"]
    return document


def test_a_document_is_fetched_through_redirects_and_found(alice: User, site: Site) -> None:
    base = new_base(alice, embedding_model="")
    site.pages = {
        "/옛/휴가.md": site.url("/휴가.md"),
        "/휴가.md": "# 휴가\n\n연차는 십오 일입니다.",
    }
    document = add_url(alice, base, site.url("/옛/휴가.md"))
    assert alice.get(f"/documents/{document}/file").status_code == 404
    work()
    told = shown(alice, document)
    assert (told["status"], told["name"]) == ("ready", "휴가.md")
    assert told["size"] == len(site.pages["/휴가.md"].encode())
    assert search(alice, base, "연차")[0]["document_id"] == document
    assert alice.get(f"/documents/{document}/file").text == site.pages["/휴가.md"]


def test_a_document_is_fetched_anew_when_it_is_read_again(alice: User, site: Site) -> None:
    base = new_base(alice, embedding_model="")
    files = len(stored_files())
    site.pages = {"/料金": "新幹線は一万四千円です。"}
    document = add_url(alice, base, site.url("/料金"))
    work()
    site.pages = {"/料金": "新幹線は一万五千円です。"}
    alice.post(f"/documents/{document}/reprocess")
    work()
    assert "一万五千円" in search(alice, base, "新幹線")[0]["content"]
    at = f"/knowledge-bases/{base}/documents/by-external-id/a"
    for page in ("大熊猫吃竹子。", "大熊猫睡觉。"):
        site.pages = {"/熊猫": page}
        assert alice.put(at, json={"url": site.url("/熊猫")}).json()["status"] == "queued"
        work()
        assert search(alice, base, "大熊猫")[0]["content"] == page
    assert len(stored_files()) == files + 2


def test_what_cannot_be_fetched_fails_with_a_reason(
    alice: User, site: Site, settings: Settings
) -> None:
    base = new_base(alice, embedding_model="")
    site.pages = {"/loop": site.url("/loop"), "/big": "가" * 400_000}
    settings.READER_LIMITS = {**settings.READER_LIMITS, "document_mb": 1}
    reasons = {"/none": "404", "/loop": "redirects more than", "/big": "bytes"}
    for path, reason in reasons.items():
        document = add_url(alice, base, site.url(path))
        work()
        told = shown(alice, document)
        assert told["status"] == "failed"
        assert reason in told["error"]
    settings.EGRESS_ALLOWED_HOSTS = []
    document = add_url(alice, base, site.url("/loop"))
    work()
    assert "not a public address" in shown(alice, document)["error"]
    assert alice.delete(f"/documents/{document}").status_code == 204
    assert not Document.objects.exclude(status="failed").exists()


@pytest.mark.parametrize("body", [{"url": "휴가"}, {"url": "https://a.kr", "text": "b"}, {}])
def test_a_document_is_a_file_or_a_text_or_an_address(alice: User, body: dict[str, str]) -> None:
    base = new_base(alice, embedding_model="")
    assert alice.post(f"/knowledge-bases/{base}/documents/", json=body).status_code == 400
