"""Why a demo ends: one sentence for the person who started it, or that person's own wish."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import time
from pathlib import Path
from types import FrameType

import psycopg

from loaderportal.demo.processes import ServerError

_POLL_SECONDS = 0.1
_LEAST_FREE_BYTES = 16 * 1024 * 1024
"""PostgreSQL asks for that much at once: one file of its write-ahead log."""


class DemoError(Exception):
    """The demo can't go on; the message is one sentence for the person who started it."""


class PartDiedError(DemoError):
    """A part of the demo ended on its own."""


class Stopped(BaseException):
    """Somebody asked the demo to end. No failure, so that nothing takes it for one."""


class StopSignals:
    """Remembers SIGINT, SIGTERM and SIGHUP; the demo asks for it between its steps.

    A signal interrupts no step half-way, so each step ends in a state that `stop` knows.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def listen(self) -> None:
        """From now on a signal asks for an end; a second one is the same as the first."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, self._remember)

    def check(self) -> None:
        """Raise Stopped if a signal has come."""
        if self.received is not None:
            raise Stopped

    def sleep(self, seconds: float = _POLL_SECONDS) -> None:
        """Wait, at most a tenth of a second longer than the next signal takes to come."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _POLL_SECONDS))
        self.check()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = number


def sentence_for(error: Exception, folder: Path) -> str:
    """The one sentence that tells a person what happened. Never quotes SQL or a password."""
    if isinstance(error, PartDiedError | psycopg.Error) and _is_full(folder):
        return disk_full(folder)
    if isinstance(error, DemoError | ServerError):
        return str(error)
    if isinstance(error, OSError):
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return disk_full(folder)
        what = os.strerror(error.errno) if error.errno else type(error).__name__
        return (
            f"The demo can't use {error.filename or folder}: {what}; DEMO_DIR chooses another "
            "folder."
        )
    if isinstance(error, psycopg.errors.DiskFull):
        return disk_full(folder)
    return f"The demo's database refused a step; its log is {folder / 'postgres/postgres.log'}."


def _is_full(folder: Path) -> bool:
    """Whether so little is free that a server could not go on."""
    return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES


def disk_full(folder: Path) -> str:
    """The sentence for a full disk."""
    return f"The disk that holds {folder} is full."
