"""The data folder: what one installation of Rini keeps on its own disk.

    installation.json   keys, passwords and ports, made once (mode 0600)
    lock                who runs in the folder: held with flock by `manage.py up`
    postgres/           the embedded cluster, unless it had to go to /var/lib: see `embedded`
    run/, log/          process ids and logs of the embedded servers

The settings read it while they load, so nothing here may import Django.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FILE = "installation.json"
ADMIN = "admin"
"""The first operator's name."""


@dataclass(frozen=True)
class Installation:
    """What `installation.json` holds. Its repr shows no secret."""

    id: str
    postgres_port: int
    valkey_port: int
    # base64 of the 32 bytes that wrap every stored secret: without them no stored key can be read.
    master_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    django_secret: str = field(repr=False)
    postgres_password: str = field(repr=False)
    valkey_password: str = field(repr=False)
    # The first administrator's password, until it has been shown.
    admin_password: str | None = field(repr=False)

    @property
    def database_url(self) -> str:
        """The address of the embedded database."""
        return f"postgres://rini:{self.postgres_password}@127.0.0.1:{self.postgres_port}/rini"

    @property
    def redis_url(self) -> str:
        """The address of the embedded Valkey."""
        return f"redis://:{self.valkey_password}@127.0.0.1:{self.valkey_port}/0"


class FolderHeldError(Exception):
    """Another process runs in the data folder."""


def load(folder: Path) -> Installation:
    """The installation in `folder`, made now if there is none; concurrent callers get the same one.

    Raises `SystemExit` with one line where the folder cannot be used.
    """
    try:
        _make(folder)
        with _alone(folder):
            if not (folder / FILE).exists():
                _write(folder, _generate())
        return Installation(**json.loads((folder / FILE).read_text()))
    except OSError as error:
        raise SystemExit(
            f"rini: the data folder {folder} cannot be used: {error.strerror}. Start Rini as the "
            "user that it belongs to, or name another folder in RINI_DATA_DIR."
        ) from error
    except (ValueError, TypeError) as error:
        raise SystemExit(
            f"rini: {folder / FILE} cannot be read. It holds the keys of everything stored: bring "
            "it back from a backup, or move the whole data folder away to begin anew."
        ) from error


def update(folder: Path, **changes: int | str | None) -> Installation:
    """Store changed fields and return the installation as it is now."""
    with _alone(folder):
        stored = Installation(**json.loads((folder / FILE).read_text()))
        changed = dataclasses.replace(stored, **changes)  # type: ignore[arg-type]  # by field name
        _write(folder, changed)
    return changed


@contextlib.contextmanager
def hold(folder: Path, address: str) -> Iterator[None]:
    """Be the only one that runs in `folder`; `address` tells others where.

    Raises `FolderHeldError` that says who holds it. The kernel lets go when the process ends.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderHeldError(
                f"Rini is already running in {folder}: {file.read().strip() or 'starting'}. "
                "Stop it first, or name another folder in RINI_DATA_DIR."
            ) from None
        file.truncate()
        file.write(f"process {os.getpid()}, {address}\n")
        file.flush()
        yield


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _generate() -> Installation:
    return Installation(
        id=secrets.token_hex(6),
        postgres_port=free_port(),
        valkey_port=free_port(),
        master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        jwt_secret=secrets.token_urlsafe(48),
        django_secret=secrets.token_urlsafe(48),
        postgres_password=secrets.token_urlsafe(24),
        valkey_password=secrets.token_urlsafe(24),
        admin_password=secrets.token_urlsafe(12),
    )


def _make(folder: Path) -> None:
    """Make the folder; root's must be passable, because its PostgreSQL runs as another user."""
    if not folder.is_dir():
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Whoever makes or changes the file does it alone."""
    descriptor = os.open(folder / ".writing", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(folder: Path, installation: Installation) -> None:
    """Replace the file as a whole: a crash leaves the old one or the new one."""
    draft = folder / f".{FILE}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dataclasses.asdict(installation), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / FILE)
    # The new name is safe from a power failure only when the folder is on disk, too.
    entry = os.open(folder, os.O_RDONLY)
    os.fsync(entry)
    os.close(entry)
