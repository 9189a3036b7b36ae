"""The django-q2 clusters of a replica, as child processes (spec 7)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings

from core.processes import end_with_parent
from execution.hints import EXEC_CLUSTER, MAINTENANCE_CLUSTER, POLL_CLUSTER

logger = structlog.get_logger(__name__)

CLUSTERS = (POLL_CLUSTER, EXEC_CLUSTER, MAINTENANCE_CLUSTER)
_RESTART_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 60.0
_GONE_WITHIN = 5.0
_GONE_POLL = 0.02
_MARK = re.compile(r"[0-9a-f]{15}\n?")


@dataclass
class ClusterProcess:
    """One cluster: started, watched, started again when it exits, stopped."""

    name: str
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = field(default=_RESTART_PAUSE)
    _restart_at: float = 0.0

    def start(self) -> None:
        """Start the cluster in a process group of its own, so that Ctrl-C reaches it through us
        only; it dies with us, and its workers with it."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(settings.BASE_DIR / "manage.py"),
                "runportal",
                "--cluster",
                self.name,
            ],
            env={**os.environ, "Q_CLUSTER_NAME": self.name},
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - no threads before the fork
        )
        self._started = time.monotonic()
        logger.info("cluster.started", cluster=self.name, pid=self._process.pid)

    def watch(self) -> bool:
        """Start the cluster again if it has exited; True if it was found dead just now. The pause
        before a restart doubles while the cluster keeps dying young."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._restart_at:
                self.start()
            return False
        if self._process.poll() is None:
            return False
        logger.error("cluster.died", cluster=self.name, exit_code=self._process.returncode)
        is_steady = now - self._started > _STEADY_AFTER
        self._pause = _RESTART_PAUSE if is_steady else min(self._pause * 2, _LONGEST_PAUSE)
        self._restart_at = now + self._pause
        self.kill()
        return True

    def terminate(self) -> None:
        """Ask the cluster to finish its work and exit. Only its main process gets the signal: one
        to the whole group can hang django-q2."""
        if self.is_alive:
            assert self._process is not None
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the cluster and all its processes now, and wait until none is left; harmless when
        repeated."""
        if self._process is None:
            return
        group = self._process.pid
        deadline = time.monotonic() + _GONE_WITHIN
        while (members := _group_members(group)) and time.monotonic() < deadline:
            for pid in members:
                _signal(pid, signal.SIGKILL)
            self._process.poll()
            time.sleep(_GONE_POLL)
        self._process.wait()
        self._process = None

    def marked_workers(self) -> dict[int, str]:
        """Workers of the cluster that are at a run, with the mark of the run; none elsewhere than
        on Linux."""
        if self._process is None:
            return {}
        marks = {pid: _mark_of_process(pid) for pid in _group_members(self._process.pid)}
        return {pid: mark for pid, mark in marks.items() if mark}

    def kill_worker(self, pid: int, mark: str) -> bool:
        """kill -9 a worker, if it is one of ours and still at the run with this mark; True when
        it is gone. django-q2 replaces it."""
        if self._process is None or _group_of(pid) != self._process.pid:
            return False
        if _mark_of_process(pid) != mark:
            return False
        _signal(pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_WITHIN
        while (is_there := _group_of(pid) is not None) and time.monotonic() < deadline:
            time.sleep(_GONE_POLL)
        return not is_there

    @property
    def running_for(self) -> float:
        """Seconds since the cluster was started; 0 while it is not running."""
        return time.monotonic() - self._started if self.is_alive else 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the cluster's main process runs."""
        return self._process is not None and self._process.poll() is None


def mark_of(lock_id: UUID) -> str:
    """What tells a run's lock in the 15 characters that Linux keeps of a process's name: the
    beginning of its UUIDv7 (time, and 12 random bits) without the version."""
    return lock_id.hex[:12] + lock_id.hex[13:16]


def ids_of(mark: str) -> tuple[UUID, UUID]:
    """The least and the greatest id that have this mark."""
    beginning = f"{mark[:12]}7{mark[12:]}"
    return UUID(beginning + "0" * 16), UUID(beginning + "f" * 16)


@contextmanager
def marked(lock_id: UUID) -> Iterator[None]:
    """Bear the run's mark as this process's name, so that the supervisor can tell from outside
    what the worker is at, even when it is frozen."""
    name = Path("/proc/self/comm")
    if not name.exists():
        yield
        return
    before = name.read_text().strip()
    name.write_text(mark_of(lock_id))
    try:
        yield
    finally:
        name.write_text(before)


def _mark_of_process(pid: int) -> str | None:
    try:
        name = Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return name.strip() if _MARK.fullmatch(name) else None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        logger.debug("cluster.process_gone", pid=pid)


def _group_members(group: int) -> list[int]:
    """Processes of the group, the leader last so that it can't restart the others."""
    if sys.platform != "linux":
        return [group] if _group_of(group) == group else []
    running = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    members = [pid for pid in running if _group_of(pid) == group]
    return sorted(members, key=lambda pid: pid == group)


def _group_of(pid: int) -> int | None:
    """The process's group; None if it is gone or only waits to be collected by its parent."""
    try:
        group = os.getpgid(pid)
        status = Path(f"/proc/{pid}/stat")
        is_zombie = status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"
    except (ProcessLookupError, FileNotFoundError, PermissionError):  # the last: /proc with hidepid
        return None
    return None if is_zombie else group
