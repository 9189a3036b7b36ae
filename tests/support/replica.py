"""A worker replica as a process, and what lives below it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.portal_database import PortalDatabase
from tests.support.portal import portal_environment

ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait for the condition, or fail saying what never happened."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """Direct children of a process (Linux)."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants_of(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    found = children_of(pid)
    for child in list(found):
        found += descendants_of(child)
    return found


def command_line(pid: int) -> str:
    """The words of a process's command, each ended by NUL; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class ReplicaProcess:
    """`manage.py runportal` on a database."""

    def __init__(self, database: PortalDatabase, name: str, log: IO[str], **values: str) -> None:
        usual = {
            "LOADERPORTAL_REPLICA_NAME": name,
            "LOADERPORTAL_THREAD_POOL_SIZE": "2",
            "LOADERPORTAL_LEASE_SECONDS": "6",
            "LOADERPORTAL_POLL_SECONDS": "1",
        }
        environment = portal_environment(database, **{**usual, **values})
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "runportal"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )

    @property
    def pid(self) -> int:
        """The supervisor."""
        return self._process.pid

    def has_exited(self) -> bool:
        """Whether the supervisor has ended."""
        return self._process.poll() is not None

    def cluster(self, name: str) -> int | None:
        """Main process of a cluster."""
        for pid in children_of(self.pid):
            if f"--cluster\0{name}\0" in command_line(pid):
                return pid
        return None

    def sentinel(self, name: str) -> int | None:
        """The guard below a cluster's main process."""
        main = self.cluster(name)
        found = children_of(main) if main else []
        return found[0] if found else None

    def parts(self, name: str) -> list[int]:
        """Workers, monitor and pusher of a cluster, in the order django-q2 starts them."""
        sentinel = self.sentinel(name)
        return sorted(children_of(sentinel)) if sentinel else []

    def is_complete(self) -> bool:
        """Whether both clusters have all their processes (2 exec workers, 1 poll worker)."""
        return len(self.parts("exec")) == 4 and len(self.parts("poll")) == 3

    def kill(self, pid: int | None = None) -> None:
        """kill -9 one process; the supervisor unless told otherwise."""
        os.kill(pid or self.pid, signal.SIGKILL)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(seconds)

    def end(self) -> None:
        """Make sure that nothing is left, whatever the test did."""
        if self._process.poll() is None:
            below = descendants_of(self.pid)
            self._process.kill()
            self._process.wait()
            wait_until(
                lambda: not any(map(is_running, below)),
                seconds=10,
                what="the replica's processes end with it",
            )


@contextmanager
def replica(
    database: PortalDatabase, log: Path, name: str = "r1", **values: str
) -> Iterator[ReplicaProcess]:
    """A replica that is gone afterwards; `values` are variables of its environment."""
    with log.open("a") as output:
        process = ReplicaProcess(database, name, output, **values)
        try:
            yield process
        finally:
            process.end()
