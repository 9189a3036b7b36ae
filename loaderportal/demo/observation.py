"""What the demo sees of the portal from outside: by SQL, by HTTP, by the operating system."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from loaderportal.demo.definitions import FLIGHTS_LOADER
from loaderportal.demo.processes import HOST

_STATE = """
SELECT loader.enabled AND loader.approval_status = 'APPROVED',
       greatest(state.last_load_timestamp, run.loaded_until),
       state.load_status, state.consecutive_failures, run.successes,
       (SELECT error_message FROM loader.load_history
        WHERE loader_code = %(code)s AND status = 'FAILED' ORDER BY start_time DESC LIMIT 1)
FROM loader.loader
JOIN loader.loader_state AS state ON state.loader_id = loader.id
CROSS JOIN (
    SELECT count(*) AS successes, max(query_to_time) AS loaded_until FROM loader.load_history
    WHERE loader_code = %(code)s AND status = 'SUCCESS'
) AS run
WHERE loader.loader_code = %(code)s
"""
_KIB_A_MIB = 1024
EXEC_CLUSTER = "--cluster exec"
"""In the command line of every process of the cluster that executes runs."""


@dataclass(frozen=True)
class Standing:
    """How far FLIGHTS_HOURLY has come.

    `loaded_until` (aware UTC, None before its first run) is its watermark, or the end of its last
    window where that is later: by MAX_TIMESTAMP the watermark stops at the last departure, until
    one more run has found nothing after it.
    """

    may_run: bool
    loaded_until: datetime | None
    load_status: str
    consecutive_failures: int
    runs: int
    last_error: str | None


def standing(connection: psycopg.Connection) -> Standing:
    """The loader's standing, once it is made."""
    row = connection.execute(_STATE, {"code": FLIGHTS_LOADER}).fetchone()
    assert row is not None
    return Standing(*row)


def is_ready(port: int) -> bool:
    """Whether the web server says that it, its database and its workers are ready."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/readiness")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class MemoryWatch:
    """The greatest resident memory of any process of the exec cluster, as far as `look` saw."""

    def __init__(self, replica_pid: int) -> None:
        self._replica_pid = replica_pid
        self._peak_kib = 0
        self._look_at = 0.0

    @property
    def peak_mb(self) -> float:
        """The peak so far in MiB; 0 when no such process was seen."""
        return round(self._peak_kib / _KIB_A_MIB, 1)

    def look(self) -> None:
        """Look at the processes that live, at most once a second."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + 1.0
        for process in _descendants(self._replica_pid):
            if EXEC_CLUSTER in process.command:
                self._peak_kib = max(self._peak_kib, process.resident_kib)


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    resident_kib: int
    command: str


def _descendants(ancestor: int) -> Iterator[_Process]:
    family = {ancestor}
    # A child has a greater id than its parent unless ids wrapped around; a miss is made good by
    # the next look.
    for process in sorted(_processes(), key=lambda process: process.pid):
        if process.parent in family:
            family.add(process.pid)
            yield process


def _processes() -> Iterator[_Process]:
    """Our own processes; their peak of resident memory on Linux, the present one elsewhere."""
    if sys.platform == "linux":
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (process := _read_process(entry)):
                yield process
    else:
        command = ["/bin/ps", "-ax", "-ww", "-o", "pid=,ppid=,rss=,command="]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for line in shown.splitlines():
            pid, parent, kib, words = line.split(None, 3)
            yield _Process(int(pid), int(parent), int(kib), words)


def _read_process(entry: Path) -> _Process | None:
    """One entry of /proc; None for a process that is gone, or of the kernel's own."""
    try:
        status = (entry / "status").read_text(encoding="utf-8", errors="replace")
        command = (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    parent = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if parent is None or peak is None:
        return None
    words = os.fsdecode(command.replace(b"\0", b" "))
    return _Process(int(entry.name), int(parent[1]), int(peak[1]), words)
