"""The Rini that `benchmarks.kills` kills: `manage.py up` in a folder of its own, as a child."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from rini.running import datadir, embedded
from rini.running.supervision import Program, Supervisor
from tests.vendors.stage import Stage

ROOT = Path(__file__).parent.parent
UP = """
import runpy, sys
from rini.running import supervision
supervision.STEADY_AFTER = {steady}
sys.argv = ["manage.py", "up"]
runpy.run_path("manage.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Rini:
    """An installation that runs."""

    url: str
    database_url: str
    password: str
    """The first operator's."""
    log: Path
    record: Path
    """Where the supervisor's process id stands."""

    def kill(self, program: str) -> bool:
        """Kill the supervisor's child that runs `program`; whether there was one."""
        supervisor = int(self.record.read_text().split()[0])
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        for pid in children:
            with suppress(FileNotFoundError, ProcessLookupError):
                if program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    os.kill(int(pid), signal.SIGKILL)
                    return True
        return False

    def answers(self) -> bool:
        return _answers(self.url)

    def give_budget(self) -> None:
        """One for the whole installation, which is never reached."""
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            login = {"username": datadir.ADMIN, "password": self.password}
            pair = client.post("/auth/token/", json=login).raise_for_status().json()
            client.post(
                "/budgets/",
                json={"scope": "installation", "limit": "1000000", "period": "total"},
                headers={"Authorization": f"Bearer {pair['access_token']}"},
            ).raise_for_status()

    def errors(self) -> list[str]:
        """The lines of its log that tell of an error."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "[error" in line or "[critical" in line]


@contextmanager
def running(stage: Stage, steady: float) -> Iterator[Rini]:
    """Rini with default settings and the vendors of `stage`; nothing is left of it afterwards.

    Who has run for `steady` seconds is started again at once. Raises `StartError`.
    """
    folder = Path(tempfile.mkdtemp(prefix="rini-kills-"))
    data, log, port = folder / "data", folder / "up.log", datadir.free_port()
    try:
        for made in (folder, data):
            made.mkdir(exist_ok=True)
            made.chmod(0o711)  # root's PostgreSQL runs as another user
        password = datadir.load(data).admin_password or ""
        url = f"http://127.0.0.1:{port}"
        with Supervisor(folder / "run", print) as supervisor:
            program = Program(
                name="rini",
                argv=[sys.executable, "-c", UP.format(steady=steady)],
                is_ready=partial(_answers, url),
                environment=_environment(stage, data, port),
                folder=ROOT,
                log=log,
                stop_seconds=60,
            )
            supervisor.start(program, within=120)
            database_url = datadir.load(data).database_url  # it may have changed its port
            yield Rini(url, database_url, password, log, folder / "run" / "rini.pid")
    finally:
        shutil.rmtree(embedded.outside(datadir.load(data)), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _environment(stage: Stage, data: Path, port: int) -> dict[str, str]:
    """Nothing of the caller's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "RINI_ENV_FILE": os.devnull,
        "RINI_DATA_DIR": str(data),
        "PORT": str(port),
        "LLM_SERVER_URL": stage.openai_url,
        "OPENAI_BASE_URL": stage.openai_url,
        "OPENAI_API_KEY": "sk-played",
        "OPENROUTER_BASE_URL": stage.openai_url,
        "OPENROUTER_API_KEY": "sk-played",
        "AUTO_TITLE": "false",  # a title is a call that no client has asked for
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
