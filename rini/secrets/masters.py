"""The master keys, newest first.

They are `settings.MASTER_KEYS`, from the environment. Where they are the installation's own, they
lie in its file (`rini.running.datadir`), which `manage.py rotate_keys --new` replaces while Rini
runs. So each call looks whether the file has changed: from then on, every process seals under the
new key.
"""

from __future__ import annotations

import json
from pathlib import Path

from django.conf import settings

from rini.environment import secrets

_read: dict[Path, tuple[int, list[bytes]]] = {}


def master_keys() -> list[bytes]:
    """All that may open what is stored; the first seals."""
    file: Path | None = settings.MASTER_KEYS_FILE
    if file is None:
        given: list[bytes] = settings.MASTER_KEYS
        return given
    changed = file.stat().st_mtime_ns
    known = _read.get(file)
    if known is None or known[0] != changed:
        text: str = json.loads(file.read_text())["master_key"]
        known = _read[file] = (changed, secrets.master_keys("RINI_API_MASTER_KEY", text))
    return known[1]
