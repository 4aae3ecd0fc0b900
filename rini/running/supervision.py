"""Child processes that are started, watched, started again and stopped together.

No child outlives its supervisor. On Linux the kernel ends each one when the supervisor dies, by
SIGKILL too; elsewhere the supervisor's next start ends what is left, by the process ids in its
folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE = 30.0
STEADY_AFTER = 60.0  # seconds: what ran that long before it died did not die from starting

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The user and the group that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how. `is_ready` returns False until the child serves."""

    name: str
    argv: Sequence[str]
    is_ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] | None = None
    account: Account | None = None
    folder: Path | None = None
    input: str = ""
    log: Path | None = None
    inherit: Sequence[int] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    # What the kernel sends when the supervisor is gone.
    orphan_signal: signal.Signals = signal.SIGKILL


class StartError(Exception):
    """A child did not become ready. The message says which one, and the end of its log."""


def die_with_parent(sent: signal.Signals, parent: int) -> None:
    """Have the kernel send `sent` to this process when process `parent`, its parent, dies.

    Linux only; elsewhere it does nothing. The kernel forgets it when the process changes its user,
    so call it after that.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(sent))
        if os.getppid() != parent:  # it died before the kernel was told
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Child:
    """One program and the process that runs it now."""

    program: Program
    process: subprocess.Popen[bytes]
    record: Path
    started: float = field(default_factory=time.monotonic)
    failures: int = 0
    due: float | None = None  # when to start it again, if at all


class Supervisor:
    """Starts programs in order, keeps them running, and stops them in reverse order.

    Use it as a context: however that ends, every child is stopped. `say` gets lines for a person.
    """

    def __init__(self, records: Path, say: Callable[[str], None]) -> None:
        self._records = records
        self._say = say
        self._children: list[Child] = []
        records.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        for record in self._records.glob("*.pid"):
            _stop_leftover(record)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, program: Program, *, within: float = 30.0, again: bool = False) -> None:
        """Start a program and return when it is ready.

        With `again`, one that ends before is started again until `within` seconds have passed.
        Raises `StartError`.
        """
        if program.log:
            program.log.unlink(missing_ok=True)
        with _signals_held():
            child = Child(program, *self._spawn(program))
            self._children.append(child)
        deadline = time.monotonic() + within
        while not program.is_ready():
            ended = child.process.poll() is not None
            if time.monotonic() > deadline or (ended and not again):
                raise StartError(_why(child, within))
            if ended:
                time.sleep(0.5)
                with _signals_held():
                    child.process, child.record = self._spawn(program)
            time.sleep(0.02)
        # Somebody else's server may have answered in its place.
        if child.process.poll() is not None:
            raise StartError(_why(child, within))

    def watch(self) -> None:
        """Start again whatever ends, until an exception (KeyboardInterrupt by a signal) comes."""
        with _child_signals() as ended:
            while True:
                self._tend()
                pauses = [child.due - time.monotonic() for child in self._children if child.due]
                select.select([ended], [], [], max(0.0, min(pauses)) if pauses else None)
                with contextlib.suppress(BlockingIOError):
                    os.read(ended, 4096)

    def stop(self) -> None:
        """Stop every child, the last one first; a signal does not cut this short."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
        while self._children:
            child = self._children.pop()
            _stop(child.process, child.program)
            child.record.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)

    def _tend(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.due is None and child.process.poll() is not None:
                _end_group(child.process.pid)
                child.failures = 0 if now - child.started > STEADY_AFTER else child.failures + 1
                pause = _pause(child.failures)
                child.due = now + pause
                later = f" in {pause:.0f} s" if pause else ""
                self._say(
                    f"{child.program.name} {_ending(child.process)}; starting it again{later}"
                )
            if child.due is not None and child.due <= now:
                with _signals_held():
                    child.process, child.record = self._spawn(child.program)
                child.started, child.due = now, None

    def _spawn(self, program: Program) -> tuple[subprocess.Popen[bytes], Path]:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        output = program.log.open("ab") if program.log else None
        try:
            process = subprocess.Popen(  # noqa: S603  # the programs are ours
                program.argv,
                stdin=subprocess.PIPE if program.input else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env=program.environment,
                cwd=program.folder,
                start_new_session=True,
                umask=0o077,  # what it writes is nobody else's to read
                pass_fds=program.inherit,
                user=program.account.uid if program.account else None,
                group=program.account.gid if program.account else None,
                extra_groups=[program.account.gid] if program.account else None,
                # Called after the change of user, as `die_with_parent` needs it.
                preexec_fn=partial(_begin_as_child, program.orphan_signal, os.getpid()),  # noqa: PLW1509
            )
        finally:
            if output:
                output.close()
        record = self._records / f"{program.name}.pid"
        draft = record.with_suffix(".draft")  # who reads the record finds it whole or not at all
        draft.write_text(f"{process.pid} {int(program.stop_signal)} {_birth(process.pid)}")
        draft.rename(record)
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):  # its death is noticed by whoever waits
                process.stdin.write(program.input.encode())
                process.stdin.close()
        return process, record


def signals_interrupt() -> None:
    """Let SIGTERM, and a closed terminal, end this process as Ctrl-C does: KeyboardInterrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # not under nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Let a stop signal wait until a new child is on record.

    Python swallows what is raised while it forks: KeyboardInterrupt would be lost there.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_as_child(orphan_signal: signal.Signals, parent: int) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # they were held around the fork
    die_with_parent(orphan_signal, parent)


def _stop(process: subprocess.Popen[bytes], program: Program) -> None:
    if process.poll() is None:
        process.send_signal(program.stop_signal)
        try:
            process.wait(program.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _end_group(process.pid)


def _end_group(leader: int) -> None:
    """End what a dead child left in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _pause(failures: int) -> float:
    """Seconds before a start: none after the first failure, then 1, 2, 4 … 30."""
    return 0.0 if failures <= 1 else min(LONGEST_PAUSE, 2.0 ** (failures - 2))


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


def _why(child: Child, within: float) -> str:
    name, log = child.program.name, child.program.log
    ended = child.process.poll() is not None
    what = _ending(child.process) if ended else f"was not ready within {within:.0f} s"
    end = log.read_text(errors="replace").splitlines()[-10:] if log and log.exists() else []
    return "\n".join([f"{name} {what}", *end])


@contextlib.contextmanager
def _child_signals() -> Iterator[int]:
    """A descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    # Only a signal that Python handles is written to the descriptor.
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writable)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        os.close(readable)
        os.close(writable)


def _stop_leftover(record: Path) -> None:
    """End the child of a supervisor that died before it could; other processes are left alone."""
    fields = record.read_text().split(maxsplit=2)
    if len(fields) == 3 and _birth(int(fields[0])) == fields[2]:
        pid, number, birth = int(fields[0]), int(fields[1]), fields[2]
        deadline = time.monotonic() + 10.0
        while _birth(pid) == birth:
            late = time.monotonic() > deadline
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else number)
            time.sleep(0.1)
        _end_group(pid)
    record.unlink()


def _birth(pid: int) -> str:
    """When process `pid` began, which tells it from a later one of the same number; "" if gone."""
    if sys.platform == "linux":
        try:
            # After the name, which may hold blanks and brackets itself (proc(5)).
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
