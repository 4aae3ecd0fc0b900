"""`manage.py up` run for real: what it starts, what it says, and that nothing stays behind."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from rini.running import datadir, embedded

ROOT = Path(__file__).parents[2]
SECONDS = 40.0
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="watches processes through /proc"),
]


class Up:
    """A running `manage.py up` and what it has printed so far."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.lines: list[str] = []
        self.process = subprocess.Popen(  # our own program
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env=_environment() | {"RINI_DATA_DIR": str(folder), "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def await_condition(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.output
            assert self.process.poll() is None, self.output
            time.sleep(0.05)

    def await_text(self, text: str) -> None:
        self.await_condition(lambda: text in self.output)

    def await_greeting(self) -> Up:
        self.await_text('"provider": "demo"')
        return self

    def ended(self) -> int:
        """Its exit status, once everything that it printed is read."""
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return status

    def pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text().split()[0])

    def readiness(self) -> dict[str, Any]:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/readyz", timeout=SECONDS
        ) as told:
            return dict(json.load(told))

    def answer(self) -> int:
        """The status of an HTTP answer."""
        address = f"http://127.0.0.1:{self.port}/livez"
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # http
            return int(answer.status)


def _children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _descendants(ancestor: int) -> list[int]:
    children = _children(ancestor)
    return children + [pid for child in children for pid in _descendants(child)]


def _environment() -> dict[str, str]:
    """This process's environment without what the test run set for itself."""
    chosen = ("RINI_DATA_DIR", "RINI_API_MASTER_KEY", "SECRET_KEY", "JWT_SECRET_KEY")
    servers = ("DATABASE_URL", "REDIS_URL", "DATABASE_POOL_SIZE", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if name not in chosen + servers}


def _await_end(processes: list[int]) -> None:
    """Wait until every process has ended; a descriptor of one that has is readable."""
    deadline = time.monotonic() + SECONDS
    while processes:
        ended, _, _ = select.select(processes, [], [], max(0.0, deadline - time.monotonic()))
        assert ended, f"{len(processes)} processes stayed behind"
        for descriptor in ended:
            processes.remove(descriptor)
            os.close(descriptor)


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Up]]:
    with _starting(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that runs for every test that leaves it running."""
    with _starting(tmp_path_factory) as start:
        yield start().await_greeting()


@contextlib.contextmanager
def _starting(paths: pytest.TempPathFactory) -> Iterator[Callable[..., Up]]:
    """Start `up` in a new folder, or in a given one; whatever still runs is ended."""
    started: list[Up] = []

    def start(folder: Path | None = None, port: int | None = None) -> Up:
        started.append(Up(folder or paths.mktemp("up") / "var", port or datadir.free_port()))
        return started[-1]

    try:
        yield start
    finally:
        for each in started:
            each.process.kill()
            each.ended()
            shutil.rmtree(embedded.outside(datadir.load(each.folder)), ignore_errors=True)


def test_the_first_start_answers_and_shows_the_operators_password_once(up: Up) -> None:
    assert up.answer() == 200
    assert "user admin, password " in up.output
    assert datadir.load(up.folder).admin_password is None


def test_requests_on_a_kept_alive_connection_do_not_wait_for_acknowledgements(up: Up) -> None:
    """Without TCP_NODELAY each of them takes 40 ms, whatever it asks."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", up.port)) as connection:
        times = [_time_of(connection) for _ in range(21)]
    assert sorted(times)[10] < 0.03


def _time_of(connection: http.client.HTTPConnection) -> float:
    began = time.monotonic()
    connection.request("GET", "/livez")
    connection.getresponse().read()
    return time.monotonic() - began


def test_an_idle_connection_outlives_the_pools_of_clients(up: Up) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", up.port)) as connection:
        _time_of(connection)
        socket_of_first = connection.sock
        time.sleep(7)  # httpx keeps an idle connection for five seconds
        _time_of(connection)
        assert connection.sock is socket_of_first


def test_periodic_work_runs_and_readiness_says_when(up: Up) -> None:
    up.await_condition(lambda: up.readiness()["periodic_work_last_run"] is not None)
    before = up.readiness()
    assert (before["status"], before["periodic_work"]) == ("healthy", "on time")
    os.kill(up.pid("clock"), signal.SIGKILL)
    up.await_condition(
        lambda: up.readiness()["periodic_work_last_run"] > before["periodic_work_last_run"]
    )


def test_the_printed_lines_get_an_answer(up: Up) -> None:
    lines = [line.strip() for line in up.lines if "curl" in line]
    shell = shutil.which("curl") and shutil.which("sh")
    if not shell:
        pytest.skip("there is no curl here")
    printed = subprocess.run([shell, "-c", "\n".join(lines)], capture_output=True, check=True)
    assert json.loads(printed.stdout)["response_text"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example"])
def test_only_the_loopbacks_names_are_served(up: Up, host: str) -> None:
    for path in ("/livez", "/v1/models", "/docs"):
        answer = httpx.get(f"http://127.0.0.1:{up.port}{path}", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (400, "host_not_allowed")
    localhost = httpx.get(f"http://127.0.0.1:{up.port}/livez", headers={"Host": "localhost"})
    assert localhost.status_code == 200


def test_what_is_open_is_said_in_a_line_each(up: Up) -> None:
    up.await_condition(lambda: "LEND_OPERATOR_KEYS" in up.output)
    said = [line for line in up.lines if line.startswith("rini: open: ")]
    assert [line.count("=") for line in said] == [1, 1]
    assert "OPEN_REGISTRATION=false" in said[0]


def test_what_the_children_write_is_nobody_elses_to_read(up: Up) -> None:
    up.await_condition(lambda: bool(list(up.folder.glob("clock-schedule*"))))
    for path in up.folder.glob("clock-schedule*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_master_key_is_changed_while_it_runs(up: Up) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{up.port}", timeout=30) as client:
        token = client.post("/users/", json={}).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        key = {"Idempotency-Key": "its answer lies sealed under the master key"}
        made = client.post("/sessions/", json={}, headers=key)
        before = datadir.load(up.folder).master_key
        command = [sys.executable, str(ROOT / "manage.py"), "rotate_keys", "--new"]
        environment = _environment() | {"RINI_DATA_DIR": str(up.folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: PLW1510
        assert done.returncode == 0, done.stderr
        after = datadir.load(up.folder).master_key
        assert before not in after
        assert after not in done.stdout
        again = client.post("/sessions/", json={}, headers=key)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == made.json()
        key = {"Idempotency-Key": "and this one under the new one"}
        assert client.post("/sessions/", json={}, headers=key).status_code == 201
        assert client.post("/sessions/", json={}, headers=key).status_code == 201


@pytest.mark.parametrize("name", ["postgres", "valkey", "web server", "worker", "clock"])
def test_a_killed_process_is_started_again(up: Up, name: str) -> None:
    before = up.pid(name)
    os.kill(before, signal.SIGKILL)
    up.await_text(f"{name} was ended by SIGKILL; starting it again")
    up.await_condition(lambda: up.pid(name) != before)
    assert up.answer() == 200


def test_the_database_comes_back_with_what_it_held(up: Up) -> None:
    with psycopg.connect(datadir.load(up.folder).database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT '안녕하세요 你好 こんにちは' AS text")
    os.kill(before := up.pid("postgres"), signal.SIGKILL)
    up.await_condition(lambda: up.pid("postgres") != before and _kept(up.folder) is not None)
    assert _kept(up.folder) == "안녕하세요 你好 こんにちは"


def _kept(folder: Path) -> str | None:
    try:
        with psycopg.connect(datadir.load(folder).database_url) as connection:
            row = connection.execute("SELECT text FROM kept").fetchone()
    except psycopg.OperationalError:  # it is starting
        return None
    return str(row[0]) if row else None


def test_a_killed_worker_leaves_no_process(up: Up) -> None:
    up.await_condition(lambda: len(_children(up.pid("worker"))) >= 2)
    children = [os.pidfd_open(pid) for pid in _children(up.pid("worker"))]
    os.kill(up.pid("worker"), signal.SIGKILL)
    _await_end(children)


def test_a_second_one_is_told_who_holds_the_folder(up: Up, start: Callable[..., Up]) -> None:
    second = start(up.folder)
    assert second.ended() == 1
    assert f"process {up.process.pid}, http://127.0.0.1:{up.port}" in second.output
    assert up.answer() == 200


def test_a_web_port_that_is_taken_ends_the_start_with_one_line(start: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = start(port=port)
        assert refused.ended() == 1
    assert len(refused.lines) == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in refused.output


def test_killing_it_leaves_no_process_and_the_next_start_works(start: Callable[..., Up]) -> None:
    killed = start().await_greeting()
    killed.await_condition(lambda: len(_children(killed.pid("worker"))) >= 2)
    processes = [os.pidfd_open(pid) for pid in _descendants(killed.process.pid)]
    assert len(processes) > 10  # PostgreSQL's own and the pool among them
    killed.process.kill()
    _await_end(processes)
    second = start(killed.folder).await_greeting()
    assert second.answer() == 200
    assert "user admin, password" not in second.output
    assert "manage.py changepassword admin" in second.output


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(start: Callable[..., Up], sent: signal.Signals) -> None:
    stopped = start().await_greeting()
    processes = [os.pidfd_open(pid) for pid in _descendants(stopped.process.pid)]
    stopped.process.send_signal(sent)
    assert stopped.ended() == 0
    assert stopped.lines[-1] == "rini: stopped\n"
    _await_end(processes)
    assert not list((stopped.folder / "run").iterdir())


def test_a_servers_port_that_is_taken_is_changed(start: Callable[..., Up], tmp_path: Path) -> None:
    before = datadir.load(tmp_path / "var")
    with socket.create_server(("127.0.0.1", before.postgres_port)):
        moved = start(tmp_path / "var").await_greeting()
        assert moved.answer() == 200
    after = datadir.load(tmp_path / "var")
    assert after.postgres_port != before.postgres_port
    assert after.valkey_port == before.valkey_port
    assert f"port {before.postgres_port} is taken" in moved.output
