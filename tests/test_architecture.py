"""The shape of the project: what imports what, where code lies, and who may see which rows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db import models

from accounts.models import User
from rini.storage.database import OwnedQuerySet

ROOT = Path(__file__).parent.parent
PACKAGES = ("rini", "accounts", "billing", "providers", "memory", "knowledge", "conversations")
LONGEST_MODULE = 400
SERVED_TO_NOBODY = {"RefreshToken"}  # found by its secret alone
NAMED_BY_DJANGO = {ROOT / "rini" / "storage" / "postgres" / "base.py"}
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "services", "common", "base", "misc"}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_imports_keep_to_the_contracts() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)  # noqa: PLW1510
    assert done.returncode == 0, done.stdout + done.stderr
    assert "KEPT" in done.stdout


def test_modules_are_short() -> None:
    lengths = {path: path.read_text().count("\n") for path in modules()}
    written = {path: lines for path, lines in lengths.items() if "migrations" not in path.parts}
    assert len(written) > 50
    assert {p: n for p, n in written.items() if n >= LONGEST_MODULE} == {}


def test_modules_are_named_for_what_they_hold() -> None:
    named = set(modules()) - NAMED_BY_DJANGO
    names = [path for path in named if path.stem in NAMES_THAT_SAY_NOTHING]
    folders = [path for path in named if NAMES_THAT_SAY_NOTHING & set(path.parts)]
    assert names + folders == []


def test_every_module_stands_on_a_row_of_the_map() -> None:
    shown = [ROOT / entry for row in _map() for entry in _entries(row)]
    assert len(shown) > 100
    missing = [entry for entry in shown if not entry.exists()]
    assert missing == []
    folders = [entry for entry in shown if entry.is_dir()]
    lost = [
        module.relative_to(ROOT)
        for module in modules()
        if module.name != "__init__.py"
        and "migrations" not in module.parts
        and module not in shown
        and not any(module.is_relative_to(folder) for folder in folders)
    ]
    assert lost == []


def _map() -> list[str]:
    page = (ROOT / "docs" / "architecture.md").read_text()
    _, _, rest = page.partition("## Where to change what")
    return [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("| ")]


def _entries(row: str) -> Iterator[str]:
    """The modules and folders that a row names; ``*`` stands for every package."""
    for name in re.findall(r"`([a-z{*][^`]*(?:\.py|/))`", row):
        for entry in _expanded(name):
            if entry.startswith("*/"):
                yield from (
                    f"{package}/{entry[2:]}"
                    for package in PACKAGES
                    if (ROOT / package / entry[2:]).exists()
                )
            else:
                yield entry


def _expanded(name: str) -> list[str]:
    """``a/{b,c}.py`` is ``a/b.py`` and ``a/c.py``."""
    found = re.search(r"\{([^}]*)\}", name)
    if found is None:
        return [name]
    before, after = name[: found.start()], name[found.end() :]
    return [whole for part in found[1].split(",") for whole in _expanded(f"{before}{part}{after}")]


def test_every_row_of_a_user_is_reached_by_visible_to() -> None:
    """A model with a foreign key to a user has the one query that serves users."""
    owned = [
        model
        for model in apps.get_models()
        if model.__module__.split(".")[0] in PACKAGES and _owner(model) is not None
    ]
    assert len(owned) >= 4
    without = [
        model.__name__
        for model in owned
        if not isinstance(model._default_manager.all(), OwnedQuerySet)
    ]
    assert set(without) == SERVED_TO_NOBODY


def _owner(model: type[models.Model]) -> models.Field[object, object] | None:
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey) and field.related_model is User:
            return field
    return None


def test_sessions_of_others_are_only_looked_up_where_they_are_read() -> None:
    """What else is done with a session is done by its owner: `owned_by`."""
    seen = {
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if "Session.objects.visible_to(" in path.read_text()
    }
    # The second only says why a session is refused.
    assert seen == {"conversations/shared.py", "conversations/answering/transcript.py"}
