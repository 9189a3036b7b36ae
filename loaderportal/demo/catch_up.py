"""Watching FLIGHTS_HOURLY catch up with its year, until all of it is loaded."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

from loaderportal.demo.definitions import FLIGHTS_END, FLIGHTS_LOADER, FLIGHTS_START
from loaderportal.demo.failures import DemoError
from loaderportal.demo.observation import MemoryWatch, Standing, standing
from loaderportal.demo.talk import ProgressBar

MOST_FAILURES = 5
LONGEST_STANDSTILL_SECONDS = 180.0
_LOOK_SECONDS = 0.25


class NotRunnableError(DemoError):
    """Somebody disabled or changed the loader: it can't catch up until people let it."""


def watch(portal: psycopg.Connection, memory: MemoryWatch, wait: Callable[[float], None]) -> None:
    """Show the progress until nothing is left. `wait` sleeps and raises what should end the demo.

    Raises DemoError when runs keep failing or nothing moves, NotRunnableError when the loader
    may not run.
    """
    last: Standing | None = None
    moved_at = time.monotonic()
    with ProgressBar(FLIGHTS_LOADER, (FLIGHTS_END - FLIGHTS_START).total_seconds()) as bar:
        while True:
            now = standing(portal)
            memory.look()
            if now.loaded_until is not None:
                done = (now.loaded_until - FLIGHTS_START).total_seconds()
                bar.show(done, f"{now.loaded_until:%Y-%m-%d}, {now.runs} runs")
                if now.loaded_until >= FLIGHTS_END:
                    return
            _refuse(now)
            if now != last:
                moved_at, last = time.monotonic(), now
            if time.monotonic() - moved_at > LONGEST_STANDSTILL_SECONDS:
                raise DemoError(_standstill(now))
            wait(_LOOK_SECONDS)


def _refuse(now: Standing) -> None:
    if not now.may_run:
        raise NotRunnableError(
            f"{FLIGHTS_LOADER} is disabled or not approved, so it can't catch up: let it run in "
            "the console, then start the demo again."
        )
    if now.load_status == "FAILED" and now.consecutive_failures >= MOST_FAILURES:
        raise DemoError(f"{FLIGHTS_LOADER} keeps failing: {now.last_error}")


def _standstill(now: Standing) -> str:
    seconds = f"{LONGEST_STANDSTILL_SECONDS:.0f} seconds"
    said = f" Its last error: {now.last_error}" if now.last_error else ""
    return f"{FLIGHTS_LOADER} has not moved for {seconds}.{said}"
