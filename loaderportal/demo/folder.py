"""The demo's folder: one demo at a time, its secrets, credentials and logs."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loaderportal.demo.failures import DemoError

ROLES = ("viewer", "operator", "approver", "admin")
DATABASE_ROLES = ("portal_owner", "portal_app", "airline_reader", "payments_reader")
NEEDED_BYTES = 500 * 1024 * 1024
"""What a first start writes: the server's own files, flights, signals, write-ahead log."""


@dataclass(frozen=True)
class Secrets:
    """All secrets of a demo, made once. `users` and `databases` hold passwords by name."""

    secret_key: str = field(repr=False)
    encryption_key: str = field(repr=False)
    databases: dict[str, str] = field(repr=False)
    users: dict[str, str] = field(repr=False)

    @classmethod
    def new(cls) -> Secrets:
        """Fresh random values."""
        return cls(
            secret_key=secrets.token_urlsafe(48),
            encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            databases={name: secrets.token_urlsafe(24) for name in DATABASE_ROLES},
            users={name: secrets.token_urlsafe(12) for name in ROLES},
        )


class Folder:
    """`DEMO_DIR`. Raises DemoError and OSError where it can't be made or used."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.logs = self.path / "logs"
        self.credentials = self.path / "credentials.json"
        self._secrets = self.path / "secrets.json"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Make the folder if need be and keep other demos out of it until the end."""
        if not self.path.exists():
            self.path.mkdir(parents=True)
            # Root's PostgreSQL runs under another account, which has to pass through.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        with (self.path / "lock").open("w", encoding="ascii") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DemoError(
                    f"Another demo runs in {self.path}: stop it, or choose another folder by "
                    "DEMO_DIR."
                ) from None
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._check_space()
            yield

    def secrets(self) -> Secrets:
        """The folder's secrets, made at the first call ever. Raises DemoError if they got lost:
        nothing encrypted with them can be read without."""
        if self._secrets.exists():
            try:
                return Secrets(**json.loads(self._secrets.read_text(encoding="utf-8")))
            except (ValueError, TypeError):
                raise DemoError(
                    f"{self._secrets} is damaged: delete {self.path} to begin anew."
                ) from None
        if (self.postgres / "superuser.password").exists():
            raise DemoError(f"{self._secrets} is gone: delete {self.path} to begin anew.")
        made = Secrets.new()
        write_private(self._secrets, asdict(made))
        return made

    def write_credentials(
        self, *, url: str, users: dict[str, str], sources: dict[str, Any]
    ) -> None:
        """Say where to log in and how; for this start only, since ports may change."""
        people = {
            name: {"username": name, "password": password} for name, password in users.items()
        }
        write_private(self.credentials, {"url": url, "users": people, "sources": sources})

    def log(self, name: str) -> Path:
        """The log file of a part."""
        return self.logs / f"{name}.log"

    def _check_space(self) -> None:
        """Refuse a first start that would fill the disk half-way."""
        free = shutil.disk_usage(self.path).free
        if not self._secrets.exists() and free < NEEDED_BYTES:
            raise DemoError(
                f"The disk that holds {self.path} is full: the demo needs "
                f"{NEEDED_BYTES // 2**20} MB, {free // 2**20} MB are free."
            )


def write_private(file: Path, content: dict[str, Any]) -> None:
    """Write JSON that only we may read, whole or not at all."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=2)
            stream.write("\n")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
