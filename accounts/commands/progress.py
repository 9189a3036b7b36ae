"""How far a command has come, told on standard error while it works."""

from __future__ import annotations

import io

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress_bar import ProgressBar

_ERASE_LINE = "\r\x1b[2K"
_WIDTH = 30


class Progress:
    """One line that changes, at a terminal; a line for each change, elsewhere; nothing with
    `--json`, where standard error is for problems."""

    def __init__(self, stream: OutputWrapper, *, is_silent: bool) -> None:
        self._stream = stream
        self._is_silent = is_silent
        self._is_terminal = stream.isatty()
        self._shown = ""

    def say(self, text: str) -> None:
        """Show the text in the place of the last one."""
        if self._is_silent or text == self._shown:
            return
        self._shown = text
        self._write(f"{_ERASE_LINE}{text}" if self._is_terminal else f"{text}\n")

    def bar(self, done: int, total: int, what: str) -> None:
        """Show how much of a total is done: a bar, which changes with each percent, so that a log
        gets a hundred lines at most. Nothing where there is nothing to do."""
        if self._is_silent or total <= 0:
            return
        percent = min(done * 100 // total, 100)
        told = f"{percent}% of {total:,} {what}"
        if self._is_terminal:
            self.say(f"{_drawn(percent)} {told}")
        else:
            self.say(f"[{('#' * (percent * _WIDTH // 100)).ljust(_WIDTH, '-')}] {told}")

    def end(self) -> None:
        """Leave the line, so that what follows starts on its own."""
        if self._is_terminal and self._shown:
            self._write("\n")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()


def _drawn(percent: int) -> str:
    """The bar as rich draws it, for a terminal."""
    console = Console(file=io.StringIO(), force_terminal=True, width=_WIDTH, legacy_windows=False)
    with console.capture() as captured:
        console.print(ProgressBar(total=100, completed=percent, width=_WIDTH), end="")
    return captured.get()
