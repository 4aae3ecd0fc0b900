"""JSON, and JSON one value a line: written out for people, a block for each member at the top."""

import json
from typing import Any

from knowledge.readers.draft import Draft
from knowledge.readers.encodings import decode


def read(data: bytes, _: str, draft: Draft) -> None:
    text = decode(data)
    try:
        values = [json.loads(text)]
    except ValueError:
        try:
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            draft.prose(text)  # it only began like JSON
            return
        draft.count_cells(len(values))
        for value in values:
            draft.code(_written(value))
        return
    _add(values[0], draft)


def _add(value: Any, draft: Draft) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            draft.under(key, 1)
            draft.code(f"{json.dumps(key, ensure_ascii=False)}: {_written(member)}")
    elif isinstance(value, list):
        for member in value:
            draft.code(_written(member))
    else:
        draft.code(_written(value))


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
