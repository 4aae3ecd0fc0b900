"""Reading a document in a process of its own, which is killed when it takes too much."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from knowledge.readers.child import SECOND_READERS
from knowledge.readers.limits import MEGABYTE, Limits, Unreadable
from knowledge.reading import Block, BlockKind, Reading

_ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger(__name__)


def read(document: bytes | Path, name: str, limits: Limits | None = None) -> Reading:
    """The document as text with its structure.

    Of `name` only the ending is used, as a hint to the kind of a text. Blocks for as long as
    ``limits.seconds``. Raises `Unreadable` with the reason, for the person whose document it is.
    """
    limits = limits or Limits()
    with contextlib.ExitStack() as stack:
        if isinstance(document, Path):
            source: IO[bytes] = stack.enter_context(document.open("rb"))
            size = os.fstat(source.fileno()).st_size
        else:
            size = len(document)
        if size > limits.document_mb * MEGABYTE:
            raise Unreadable(
                f"It has {size / MEGABYTE:,.0f} MB, more than the {limits.document_mb} MB that are "
                "read. Split it into smaller files."
            )
        if not isinstance(document, Path):
            # A file without a name: the child can seek in it, and nothing is left of it.
            source = stack.enter_context(tempfile.TemporaryFile())
            source.write(document)
            source.flush()
        return _read(source, _hint(name), limits)


def _read(source: IO[bytes], hint: str, limits: Limits) -> Reading:
    deadline = time.monotonic() + limits.all_seconds
    answer = _ask_child(source, hint, limits, deadline)
    if answer.get("kind") in SECOND_READERS:
        _log.info("A %s needs its second reader: %s", answer["kind"], answer.get("detail"))
        second = _ask_child(source, hint, limits, deadline, second=True)
        answer = second if "reading" in second else answer
    if "reading" in answer:
        return _reading(answer["reading"])
    if answer.get("detail"):
        _log.warning("A document could not be read: %s", answer["detail"])
    raise Unreadable(answer["unreadable"])


def _ask_child(
    source: IO[bytes], hint: str, limits: Limits, deadline: float, *, second: bool = False
) -> dict[str, Any]:
    """What the child answers, or in its place what became of it."""
    os.lseek(source.fileno(), 0, os.SEEK_SET)  # the file object's own seek may stay in its buffer
    request = {"name": hint, "limits": limits.as_json(), "parent": os.getpid(), "second": second}
    child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-P", "-m", "knowledge.readers.child", json.dumps(request)],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=_environment(),  # without the server's secrets
        start_new_session=True,
    )
    try:
        answer = _receive(child, limits, deadline)
        status = child.wait(max(deadline - time.monotonic(), 0))
    except (subprocess.TimeoutExpired, TimeoutError):
        return {
            "unreadable": f"Reading it takes more than {limits.all_seconds:g} seconds. "
            "Split it into smaller files."
        }
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # with whatever it started
        child.wait()
        child.stdout.close() if child.stdout else None
    if status == 0 and answer:
        return dict(json.loads(answer))
    return _crashed(status, os.pread(source.fileno(), 1024, 0), limits)


def _receive(child: subprocess.Popen[bytes], limits: Limits, deadline: float) -> bytes:
    """All that the child writes. Raises TimeoutError, and MemoryError's reason for a flood."""
    assert child.stdout is not None  # noqa: S101
    most = limits.characters * 16 + MEGABYTE
    pieces: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while size <= most:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise TimeoutError
            piece = os.read(child.stdout.fileno(), MEGABYTE)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            size += len(piece)
    return b""


def _crashed(status: int, beginning: bytes, limits: Limits) -> dict[str, Any]:
    """A parser's native code ends the process when memory runs out or bytes confuse it."""
    kind = "pdf" if b"%PDF-" in beginning else ""
    return {
        "unreadable": "It could not be read: it is damaged, or takes more than "
        f"{limits.memory_mb} MB of memory. Save it again, or split it into smaller files.",
        "kind": kind,
        "detail": f"the reading process ended with {status}",
    }


def _hint(name: str) -> str:
    """The ending, or a short whole name as ``Makefile``: a document's name is nobody's business."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return base[base.rfind(".") :][:20] if "." in base else base[:20]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(_ROOT),
        "PYTHONUTF8": "1",
        "LANG": "C.UTF-8",
        "OMP_THREAD_LIMIT": "1",
    }


def _reading(answer: dict[str, Any]) -> Reading:
    paths = [tuple(path) for path in answer["paths"]]
    return Reading(
        text=answer["text"],
        blocks=tuple(
            Block(start, end, BlockKind(kind), page, paths[path])
            for start, end, kind, page, path in answer["blocks"]
        ),
        title=answer["title"],
        file_type=answer["file_type"],
        page_count=answer["page_count"],
        pages_without_text=tuple(answer["pages_without_text"]),
    )
