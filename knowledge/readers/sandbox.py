"""What the reading process gives up before it looks at a stranger's bytes.

The kernel holds the limits, so they hold for native code too, and for programs that it starts.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from typing import Any, Never

from knowledge.readers.limits import MEGABYTE, Limits

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"


def enter(limits: Limits, parent: int) -> None:
    """Limit memory and time, leave the network, and die with process `parent`."""
    seconds = int(limits.all_seconds) + 1
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, seconds)
    # Were the parent gone, this would still end by itself, inside native code too.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds + 1)
    if _LINUX:
        # RLIMIT_DATA counts what is allocated. RLIMIT_AS would count libraries' code and what
        # allocators reserve without using it.
        _limit(resource.RLIMIT_DATA, limits.memory_mb * MEGABYTE)
        libc = ctypes.CDLL(None)
        # Needs a privilege; the second form makes one, where the system allows it.
        if libc.unshare(CLONE_NEWNET) != 0:
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))  # forgotten by unshare: so after it
        if os.getppid() != parent:
            os._exit(1)
    else:
        watch = threading.Thread(target=_watch_memory, args=(limits.memory_mb,), daemon=True)
        watch.start()


def close(*, programs: bool) -> None:
    """From here on nothing is written to disk, no socket opened, no program started (or one is
    allowed: `programs`)."""
    _limit(resource.RLIMIT_FSIZE, 0)
    sys.dont_write_bytecode = True
    forbidden = {"socket.__new__", "socket.connect", "os.exec", "os.posix_spawn", "os.system"}
    if not programs:
        forbidden |= {"subprocess.Popen", "os.fork", "os.forkpty"}

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event in forbidden:
            raise PermissionError(f"{event} is not for readers")

    sys.addaudithook(refuse)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # what a system does not know
        resource.setrlimit(what, (most, most))


def _watch_memory(memory_mb: int) -> Never:
    """For systems whose kernel does not limit it (macOS): end the process once it is too large."""
    while True:
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > memory_mb * MEGABYTE:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
