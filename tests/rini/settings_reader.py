"""Loads Rini's settings again and again in one process, each time with another environment.

Reads from stdin a JSON list of environments, and writes a JSON list of what came of each: the one
line with which it ended, or the settings that are plain values.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

PLAIN = (str, int, float, bool, list, dict, type(None))


def outcome(variables: dict[str, str]) -> str | dict[str, Any]:
    os.environ.clear()
    os.environ.update(variables)
    sys.modules.pop("rini.settings", None)
    try:
        settings = importlib.import_module("rini.settings")
    except SystemExit as end:
        return str(end)
    found = {name: value for name, value in vars(settings).items() if isinstance(value, PLAIN)}
    found["read"] = dict(settings.env.read)
    return {name: value for name, value in found.items() if _is_json(value)}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


if __name__ == "__main__":
    json.dump([outcome(variables) for variables in json.load(sys.stdin)], sys.stdout)
