"""What the demo says to the person who started it, on standard error."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from loaderportal.demo.definitions import FLIGHTS_LOADER, PAYMENTS_LOADER
from loaderportal.demo.folder import Folder
from loaderportal.demo.self_check import Totals

_PLAIN_LINE_SECONDS = 5.0
_console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One plain line. A terminal that has gone away must not keep the demo from cleaning up."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def welcome(url: str, users: dict[str, str], folder: Folder) -> None:
    """Where to log in, as whom, and what is worth a look."""
    widest = max(map(len, users))
    people = "\n".join(f"    {name.ljust(widest)}  {password}" for name, password in users.items())
    say(
        f"""
Loader Portal runs at {url}/admin/

  Log in as one of
{people}

  Worth a look
    {FLIGHTS_LOADER.ljust(18)}  336,776 real flights of 2013, caught up window by window
    {PAYMENTS_LOADER.ljust(18)}  simulated payments that never end: run after run, as they come in
    As operator, change a loader's SQL and submit it: only another person can approve it.

  Passwords are in {folder.credentials}, logs in {folder.logs}.
"""
    )


def agreed(totals: Totals) -> None:
    """The check's good outcome."""
    say(
        f"Checked: {totals.rec_count.signals:,} flights and {totals.sum_val.signals:,.0f} minutes "
        f"of delay in {totals.signals:,} signals of {totals.runs} runs, the same as in the source."
    )


class ProgressBar:
    """A bar on a terminal, else a plain line every few seconds and one at the end."""

    def __init__(self, name: str, total: float) -> None:
        self._name = name
        self._total = total
        self._said_at = 0.0
        self._said = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=_console,
            disable=not _console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=total, note="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: float, note: str) -> None:
        """Move to `done` of the total."""
        self._bar.update(self._task, completed=min(done, self._total), note=note)
        if _console.is_terminal:
            return
        share = min(1.0, done / self._total)
        line = f"{self._name} {share:4.0%}  {note}"
        is_time = share >= 1 or time.monotonic() - self._said_at >= _PLAIN_LINE_SECONDS
        if is_time and line != self._said:
            self._said_at, self._said = time.monotonic(), line
            say(line)
