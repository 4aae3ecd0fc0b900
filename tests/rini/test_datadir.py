"""The data folder: made once, closed to others, and never printed."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rini.running import datadir

SECRETS = (
    "master_key",
    "jwt_secret",
    "django_secret",
    "postgres_password",
    "valkey_password",
    "admin_password",
)


def test_an_installation_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    made = datadir.load(tmp_path / "new" / "folder")
    assert datadir.load(tmp_path / "new" / "folder") == made
    assert len(base64.b64decode(made.master_key)) == 32
    assert datadir.load(tmp_path / "another").master_key != made.master_key


def test_callers_at_the_same_moment_get_the_same_installation(tmp_path: Path) -> None:
    together = threading.Barrier(16)

    def load(_: int) -> datadir.Installation:
        together.wait()
        return datadir.load(tmp_path / "folder")

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(load, range(16)))) == 1


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    datadir.load(folder)
    assert (folder / "installation.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o066 == 0, "others may at most pass through"
    datadir.update(folder, postgres_port=5433)
    assert (folder / "installation.json").stat().st_mode & 0o777 == 0o600


def test_a_printed_installation_shows_no_secret(tmp_path: Path) -> None:
    installation = datadir.load(tmp_path)
    for name in SECRETS:
        assert getattr(installation, name) not in repr(installation)


def test_the_addresses_hold_the_ports_and_passwords(tmp_path: Path) -> None:
    made = datadir.load(tmp_path)
    host = f"127.0.0.1:{made.postgres_port}"
    assert made.database_url == f"postgres://rini:{made.postgres_password}@{host}/rini"
    assert made.redis_url == f"redis://:{made.valkey_password}@127.0.0.1:{made.valkey_port}/0"


def test_a_change_is_stored_and_leaves_the_rest(tmp_path: Path) -> None:
    before = datadir.load(tmp_path)
    datadir.update(tmp_path, valkey_port=1234, admin_password=None)
    after = datadir.load(tmp_path)
    assert (after.valkey_port, after.admin_password) == (1234, None)
    assert after.master_key == before.master_key


def test_a_broken_file_is_never_replaced(tmp_path: Path) -> None:
    datadir.load(tmp_path)
    (tmp_path / "installation.json").write_text('{"id": "')
    with pytest.raises(SystemExit, match="bring it back from a backup"):
        datadir.load(tmp_path)
    assert (tmp_path / "installation.json").read_text() == '{"id": "'


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="file/folder cannot be used: Not a directory"):
        datadir.load(tmp_path / "file" / "folder")


def test_a_held_folder_says_who_holds_it(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from rini.running import datadir\n"
        "with datadir.hold(Path(sys.argv[1]), 'http://127.0.0.1:8000'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # this file's own text
        [sys.executable, "-c", holder, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        expected = f"process {process.pid}, http://127.0.0.1:8000"
        with pytest.raises(datadir.FolderHeldError, match=expected), datadir.hold(tmp_path, "me"):
            pass
        process.kill()
    with datadir.hold(tmp_path, "me"):  # whoever died holds nothing
        assert "me" in (tmp_path / "lock").read_text()


def test_reading_the_folder_needs_no_django() -> None:
    check = (
        "import sys, rini.running.datadir, rini.running.supervision; "
        "sys.exit('django' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], check=True)  # the line above
