"""The demo as somebody uses it: in a browser, by its API, and at the source's own database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from loaderportal.demo.processes import HOST, free_port
from tests.portal_database import ROOT

_START_SECONDS = 120.0
_LONGEST_WAIT_SECONDS = 180.0


@dataclass(frozen=True)
class DemoPortal:
    """A demo that can be used."""

    folder: Path
    address: str
    passwords: dict[str, str]

    def call(self, role: str, method: str, path: str, body: Any = None) -> Any:
        """What the API answers this person, below `/api/v1/`; AssertionError if it refuses."""
        token = self._ask(
            "POST", "auth/login", {"username": role, "password": self.passwords[role]}
        )["accessToken"]
        return self._ask(method, path, body, {"Authorization": f"Bearer {token}"})

    def source(self, database: str) -> psycopg.Connection:
        """A connection to a source's database, as its owner."""
        place = self.folder / "postgres"
        return psycopg.connect(
            host=HOST,
            port=(place / "port").read_text().strip(),
            dbname=database,
            user="postgres",
            password=(place / "superuser.password").read_text().strip(),
            autocommit=True,
        )

    def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()}") from error
        return json.loads(text) if text else None


@contextmanager
def demo_portal(folder: Path) -> Iterator[DemoPortal]:
    """A demo in this folder, where one may have run: from when one can sign in to its end."""
    told = folder / "credentials.json"
    told.unlink(missing_ok=True)
    with subprocess.Popen(
        [sys.executable, "-m", "loaderportal.demo"],
        cwd=ROOT,
        env={**os.environ, "DEMO_DIR": str(folder), "DEMO_PORT": str(free_port())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            wait_for(told.exists, process, seconds=_START_SECONDS)
            known = json.loads(told.read_text())
            users = {name: one["password"] for name, one in known["users"].items()}
            yield DemoPortal(folder, known["url"], users)
        finally:
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=90)[1]
    assert process.returncode == 0, said


def wait_for(
    happened: Callable[[], bool],
    process: subprocess.Popen[str] | None = None,
    *,
    seconds: float = _LONGEST_WAIT_SECONDS,
) -> None:
    """Wait until it has happened; AssertionError if it doesn't, or the process ends before."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert process is None or process.poll() is None, "the demo ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
