"""Child processes: started in order, started again, stopped in reverse, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rini.running.supervision import Program, StartError, Supervisor, signals_interrupt

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(30)
WAITING = "import signal; print('up', flush=True); signal.pause()"


def _python(name: str, code: str, **more: object) -> Program:
    return Program(name=name, argv=[sys.executable, "-c", code], **more)  # type: ignore[arg-type]  # passed through


class Watched(Exception):  # no error: what the test waited for has come
    """Ends `watch`."""


def _until(lines: list[str], text: str) -> None:
    if any(text in line for line in lines):
        raise Watched


def test_children_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    record = tmp_path / "order"
    code = (
        "import pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
        "pathlib.Path(sys.argv[2]).touch()\n"
        "try: signal.pause()\n"
        "finally: open(sys.argv[1], 'a').write(sys.argv[2][-1])"
    )
    with Supervisor(tmp_path / "run", print) as supervisor:
        for name in "123":
            ready = tmp_path / name
            argv = [sys.executable, "-c", code, str(record), str(ready)]
            supervisor.start(Program(name=name, argv=argv, is_ready=ready.exists))
    assert record.read_text() == "321"
    assert not list((tmp_path / "run").iterdir())


def test_one_that_ignores_the_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITING}"
    deaf = _python(
        "deaf", code, log=log, is_ready=lambda: "up" in log.read_text(), stop_seconds=0.1
    )
    with Supervisor(tmp_path / "run", print) as supervisor:
        supervisor.start(deaf)
        pid = int((tmp_path / "run" / "deaf.pid").read_text().split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    readable, writable = os.pipe()  # its end comes when nobody holds it any more
    code = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {WAITING!r}], pass_fds=[{writable}]).wait()"
    )
    parent = _python(
        "parent", code, log=log, inherit=[writable], is_ready=lambda: "up" in log.read_text()
    )
    with Supervisor(tmp_path / "run", print) as supervisor:
        supervisor.start(parent)
        os.close(writable)
    with os.fdopen(readable) as held:
        assert held.read() == ""


def test_one_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    broken = _python(
        "broken", "raise SystemExit('설정 없음')", log=tmp_path / "log", is_ready=lambda: False
    )
    with (
        Supervisor(tmp_path / "run", print) as supervisor,
        pytest.raises(StartError, match="broken ended with exit status 1\n설정 없음"),
    ):
        supervisor.start(broken)


def test_one_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    with (
        Supervisor(tmp_path / "run", print) as supervisor,
        pytest.raises(StartError, match="slow was not ready within 0 s"),
    ):
        supervisor.start(_python("slow", WAITING, is_ready=lambda: False), within=0.1)


def test_one_that_dies_again_and_again_is_started_after_growing_pauses(tmp_path: Path) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        _until(lines, "again in 2 s")

    with Supervisor(tmp_path / "run", say) as supervisor:
        supervisor.start(_python("dying", "raise SystemExit(3)"))
        with pytest.raises(Watched):
            supervisor.watch()
    assert lines == [
        "dying ended with exit status 3; starting it again",
        "dying ended with exit status 3; starting it again in 1 s",
        "dying ended with exit status 3; starting it again in 2 s",
    ]


def test_a_signal_interrupts_the_watch(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    signals_interrupt()
    try:
        with Supervisor(tmp_path / "run", print) as supervisor:
            supervisor.start(_python("child", WAITING))
            sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
            sender.start()
            with pytest.raises(KeyboardInterrupt):
                supervisor.watch()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_signal_that_comes_while_a_child_is_forked_is_not_lost(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from rini.running.supervision import *\n"
        "signals_interrupt()\n"
        "os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "with Supervisor(Path(sys.argv[1]), print) as supervisor:\n"
        "    supervisor.start(Program(name='child', argv=['sleep', '60']))\n"
        "    print('went on')"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "run")]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr.endswith("KeyboardInterrupt\n")
    assert ended.stdout == ""
    assert not list((tmp_path / "run").iterdir())


def test_a_leftover_is_stopped_and_a_stranger_of_its_number_is_not(tmp_path: Path) -> None:
    records = tmp_path / "run"
    with Supervisor(records, print) as supervisor:
        supervisor.start(_python("child", WAITING))
        record = (records / "child.pid").read_text()
        pid, stop_signal, birth = record.split()
        (records / "stranger.pid").write_text(f"{pid} {stop_signal} {int(birth) - 1}")
        (records / "child.pid").unlink()
        with Supervisor(records, print):
            os.kill(int(pid), 0)  # it lives
        (records / "child.pid").write_text(record)
        with Supervisor(records, print):
            assert not (records / "child.pid").exists()
            ended, status = os.waitpid(int(pid), os.WNOHANG)
            assert (ended, os.WTERMSIG(status)) == (int(pid), signal.SIGTERM)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_child_whose_parent_is_gone_already_ends_itself() -> None:
    code = (
        "import signal; from rini.running.supervision import die_with_parent\n"
        "die_with_parent(signal.SIGKILL, 1 << 30); print('survived')"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
