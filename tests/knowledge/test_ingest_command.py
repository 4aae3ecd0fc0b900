"""`manage.py ingest`: a folder becomes the documents of a base, and again what has changed."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command

from knowledge.models import Document
from tests.conftest import User
from tests.knowledge.test_knowledge_bases import new_base, search, work


def ingest(folder: Path, base: str, **options: Any) -> str:
    told = StringIO()
    call_command("ingest", str(folder), base=UUID(base), stdout=told, **options)
    return told.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "규정").mkdir()
    (tmp_path / "규정" / "휴가.md").write_text("연차는 십오 일입니다.")
    (tmp_path / "料金.txt").write_text("新幹線は一万四千円です。")
    (tmp_path / "空.txt").write_text(" ")
    (tmp_path / ".비밀").write_text("숨은 파일")
    return tmp_path


def test_a_folder_becomes_documents_and_only_changes_are_put_again(
    alice: User, folder: Path
) -> None:
    base = new_base(alice, embedding_model="")
    assert "3/3" in ingest(folder, base)
    work()
    told = ingest(folder, base, wait=True)
    assert "3 of 3 files are there already." in told
    assert "1 failed, 2 ready" in told
    assert "空.txt: " in told
    (folder / "料金.txt").write_text("新幹線は一万五千円です。")
    (folder / "规定.txt").write_text("大熊猫吃竹子。")
    assert "2/2 规定.txt" in ingest(folder, base)
    work()
    assert "一万五千円" in search(alice, base, "新幹線")[0]["content"]
    assert search(alice, base, "大熊猫")
    ids = set(Document.objects.values_list("external_id", flat=True))
    assert ids == {"규정/휴가.md", "料金.txt", "空.txt", "规定.txt"}


def test_what_left_the_folder_stays_unless_its_deletion_is_asked_for(
    alice: User, folder: Path
) -> None:
    base = new_base(alice, embedding_model="")
    ingest(folder, base)
    (folder / "空.txt").unlink()
    ingest(folder, base)
    assert Document.objects.count() == 3
    assert "1 documents were deleted." in ingest(folder, base, delete_missing=True)
    assert Document.objects.count() == 2


def test_a_folder_or_a_base_that_is_not_there_is_refused(alice: User, folder: Path) -> None:
    with pytest.raises(CommandError, match="no knowledge base"):
        ingest(folder, str(uuid4()))
    with pytest.raises(CommandError, match="not a folder"):
        ingest(folder / "none", new_base(alice, embedding_model=""))
