"""What the reading process may not do, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowledge.readers.limits import Limits, Unreadable
from knowledge.readers.process import read
from tests.knowledge.readers import documents

ROOT = Path(__file__).parents[3]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's limits are Linux's")


def after_closing(code: str) -> str:
    """What a process prints on its standard error that has closed itself off and runs `code`."""
    program = (
        "import os, socket, subprocess, sys\n"
        "from knowledge.readers import sandbox\n"
        "from knowledge.readers.limits import Limits\n"
        "sandbox.enter(Limits(), os.getppid())\n"
        f"sandbox.close(programs=False)\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.socket()",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
    ],
)
def test_it_opens_no_socket_and_starts_no_program(code: str) -> None:
    assert after_closing(code).startswith("PermissionError")


def test_it_writes_nothing_to_disk(tmp_path: Path) -> None:
    target = tmp_path / "x"
    assert "File too large" in after_closing(f"open({str(target)!r}, 'wb', 0).write(b'x')")
    assert not target.exists() or target.stat().st_size == 0


@linux_only
def test_it_gets_no_more_memory_than_its_limit() -> None:
    assert after_closing("x = bytearray(600 << 20)") == "MemoryError"


def test_it_does_not_import_django_nor_more_than_one_parser() -> None:
    code = (
        "import sys, knowledge.readers.child, knowledge.readers.pdf\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "pypdfium2" in loaded
    assert not loaded & {"django", "litellm", "lxml", "docx", "pypdf", "selectolax", "chardet"}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands where tesseract would, and is found first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "tesseract"


def write_program(path: Path, script: str) -> None:
    path.write_text(f'#!/bin/sh\nif [ "$1" = --list-langs ]; then echo eng; exit; fi\n{script}\n')
    path.chmod(0o700)


def test_pages_that_are_pictures_are_read_where_ocr_is_on(program: Path) -> None:
    write_program(program, "head -c 2; echo ' is a PGM.'; echo; echo 'A second paragraph.'")
    reading = read(documents.scanned_pdf(), "", Limits(ocr=True))
    assert reading.pages_without_text == ()
    assert [(b.page, reading.text[b.start : b.end]) for b in reading.blocks] == [
        *((1, "P5 is a PGM."), (1, "A second paragraph."), (2, "Words of the second page")),
    ]


def test_ocr_sees_none_of_the_servers_secrets(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "a-secret")
    write_program(program, "env")
    assert "a-secret" not in read(documents.scanned_pdf(), "", Limits(ocr=True)).text


def test_ocr_leaves_nothing_on_disk_either(program: Path, tmp_path: Path) -> None:
    write_program(program, f"echo leaked > {tmp_path}/leak; cat {tmp_path}/leak")
    assert "leaked" not in read(documents.scanned_pdf(), "", Limits(ocr=True)).text
    assert (tmp_path / "leak").read_text() == ""


def test_pages_that_ocr_does_not_reach_in_time_stay_pictures(program: Path) -> None:
    write_program(program, "exec sleep 60")
    reading = read(documents.scanned_pdf(), "", Limits(ocr=True, ocr_seconds=0.5))
    assert reading.pages_without_text == (1,)


def test_what_the_child_has_started_ends_with_it(program: Path) -> None:
    write_program(program, "sleep 98.76 & wait")  # which goes on when its shell is killed
    read(documents.scanned_pdf(), "", Limits(ocr=True, ocr_seconds=0.5))
    deadline = time.monotonic() + 5
    while _is_running("98.76") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running("98.76")


def test_ocr_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unreadable, match="tesseract is not installed"):
        read(documents.scanned_pdf(), "", Limits(ocr=True))


def _is_running(words: str) -> bool:
    return any(words in path.read_text(errors="replace") for path in _command_lines())


def _command_lines() -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
