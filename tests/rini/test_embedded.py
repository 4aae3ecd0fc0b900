"""The embedded servers: closed to strangers, with vectors, and hard to break."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from rini.running import datadir, embedded
from rini.running.supervision import Supervisor

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder that the servers' user can enter."""
    for parent in tmp_path.relative_to(tmp_path.parents[2]).parents:
        (tmp_path.parents[2] / parent).chmod(0o711)
    tmp_path.chmod(0o711)
    folder = tmp_path / "var"
    yield folder
    shutil.rmtree(embedded.outside(datadir.load(folder)), ignore_errors=True)


def _start(supervisor: Supervisor, folder: Path, *, safe: bool = False) -> embedded.Place:
    installation = datadir.load(folder)
    place = embedded.prepare(folder, installation, print)
    embedded.start_postgres(supervisor, place, installation, fast_and_unsafe=not safe)
    embedded.start_valkey(supervisor, place, installation)
    return place


def test_both_answer_to_their_passwords_only(folder: Path) -> None:
    with Supervisor(folder / "run", print) as supervisor:
        _start(supervisor, folder)
        made = datadir.load(folder)
        with psycopg.connect(made.database_url) as connection:
            found = connection.execute("SELECT '[1,2]'::halfvec(2) <-> '[1,3]', lower('É한')")
            assert found.fetchone() == (1.0, "é한")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(made.database_url, password="guess")
        with redis.Redis.from_url(made.redis_url) as client:
            assert client.ping()
        with (
            redis.Redis(port=made.valkey_port) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_what_was_stored_is_there_after_a_hard_kill(folder: Path) -> None:
    with Supervisor(folder / "run", print) as supervisor:
        _start(supervisor, folder, safe=True)
        with psycopg.connect(datadir.load(folder).database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT '안녕 你好 こんにちは' AS text")
        os.kill(int((folder / "run/postgres.pid").read_text().split()[0]), signal.SIGKILL)
    with Supervisor(folder / "run", print) as supervisor:
        _start(supervisor, folder, safe=True)
        with psycopg.connect(datadir.load(folder).database_url) as connection:
            row = connection.execute("SELECT text FROM kept").fetchone()
    assert row == ("안녕 你好 こんにちは",)


def test_a_cluster_that_was_half_made_is_made_anew(folder: Path) -> None:
    datadir.load(folder)
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18")
    with Supervisor(folder / "run", print) as supervisor:
        place = _start(supervisor, folder)
    assert place.cluster == folder / "postgres"
    assert not (folder / "postgres.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another user")
def test_root_puts_the_cluster_where_the_servers_user_can_enter(folder: Path) -> None:
    installation = datadir.load(folder)
    folder.chmod(0o700)
    said: list[str] = []
    for _ in range(2):  # and finds it there again, though the folder is open now
        with Supervisor(folder / "run", print) as supervisor:
            place = embedded.prepare(folder, installation, said.append)
            embedded.start_postgres(supervisor, place, installation, fast_and_unsafe=True)
        assert place.cluster == Path(f"/var/lib/rini-{installation.id}/postgres")
        assert f"the database is in {place.cluster}" in said[-1]
        folder.chmod(0o711)
    assert place.cluster.stat().st_uid == place.account.uid != 0 if place.account else False


def test_a_taken_port_is_changed_and_a_free_one_is_kept(folder: Path) -> None:
    before = datadir.load(folder)
    with socket.create_server(("127.0.0.1", before.valkey_port)):
        assert embedded.change_taken_ports(folder, print, postgres=True, valkey=True)
        assert not embedded.change_taken_ports(folder, print, postgres=True, valkey=True)
    after = datadir.load(folder)
    assert after.valkey_port != before.valkey_port
    assert after.postgres_port == before.postgres_port


def test_a_machine_without_the_packages_is_told_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = datadir.load(folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        embedded.UnsupportedPlatformError, match="Set DATABASE_URL .* and REDIS_URL"
    ):
        embedded.prepare(folder, installation, print)
