"""The process that reads one document: bytes on its standard input, JSON on its standard output.

    python -P -m knowledge.readers.child '{"name": …, "limits": {…}, "parent": …, "second": false}'

It imports the one parser that it needs, and nothing of Django.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any

from knowledge.readers import sandbox
from knowledge.readers.draft import Draft
from knowledge.readers.limits import Limits, Unreadable
from knowledge.readers.recognition import recognise
from knowledge.reading import Reading

READERS = {
    "pdf": "pdf",
    "docx": "docx",
    "pptx": "pptx",
    "xlsx": "sheets",
    "xls": "sheets",
    "ods": "sheets",
    "odt": "opendocument",
    "odp": "opendocument",
    "epub": "epub",
    "hwp": "hwp",
    "hwpx": "hwpx",
    "rtf": "rtf",
    "eml": "mail",
    "msg": "outlook",
    "html": "html",
    "md": "markdown",
    "csv": "delimited",
    "json": "json_text",
    "txt": "plain",
    "code": "plain",
}
XML_ERR_NO_MEMORY = 2  # of libxml2
SECOND_READERS = {"pdf": "pdf_again"}


def main() -> None:
    """Read, answer, exit."""
    request = json.loads(sys.argv[1])
    limits = Limits.from_json(request["limits"])
    answers = os.dup(1)  # what a parser prints goes elsewhere
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sandbox.enter(limits, request["parent"])
    answer = _answer(request, limits)
    with open(answers, "wb") as stream:
        stream.write(json.dumps(answer, ensure_ascii=False).encode(errors="replace"))


def _answer(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    kind = ""
    try:
        data = sys.stdin.buffer.read()
        kind = recognise(data, request["name"])
        readers = SECOND_READERS if request["second"] else READERS
        reader = import_module(f"knowledge.readers.{readers[kind]}")
        sandbox.close(programs=limits.ocr and kind == "pdf")
        draft = Draft(limits)
        reader.read(data, kind, draft)
        return {"reading": _as_json(_not_empty(draft.finish(kind)))}
    except Unreadable as refusal:
        return {"unreadable": refusal.reason}
    except Exception as error:
        return _explained(error, kind, limits)


def _explained(error: Exception, kind: str, limits: Limits) -> dict[str, Any]:
    """What a parser's exception means for the person whose document it is."""
    if isinstance(error, MemoryError) or getattr(error, "code", None) == XML_ERR_NO_MEMORY:
        return {
            "unreadable": f"Reading it takes more than {limits.memory_mb} MB of memory. "
            "Split it into smaller files."
        }
    if isinstance(error, RecursionError) or "Excessive depth" in str(error):  # libxml2's words
        return {"unreadable": "Its parts are nested too deeply."}
    return {"unreadable": damaged(kind), "kind": kind, "detail": repr(error)[:500]}


def damaged(kind: str) -> str:
    what = f"It looks like {kind} but could not be read as such" if kind else "It could not be read"
    return f"{what}: it is damaged. Open it and save it again, or save it as pdf."


def _not_empty(reading: Reading) -> Reading:
    if reading.blocks:
        return reading
    if reading.pages_without_text:
        raise Unreadable(
            f"It has no text: its {len(reading.pages_without_text)} pages are pictures. They are "
            "read where the server has OCR=tesseract."
        )
    raise Unreadable("It has no text.")


def _as_json(reading: Reading) -> dict[str, Any]:
    """Heading paths are written once each, because whole chapters share one."""
    paths: dict[tuple[str, ...], int] = {}
    blocks = [
        (b.start, b.end, b.kind.value, b.page, paths.setdefault(b.headings, len(paths)))
        for b in reading.blocks
    ]
    return {
        "text": reading.text,
        "blocks": blocks,
        "paths": list(paths),
        "title": reading.title,
        "file_type": reading.file_type,
        "page_count": reading.page_count,
        "pages_without_text": reading.pages_without_text,
    }


if __name__ == "__main__":
    main()
