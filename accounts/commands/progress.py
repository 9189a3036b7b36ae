"""How far a command has come, told on standard error while it works."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

_ERASE_LINE = "\r\x1b[2K"


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

    def end(self) -> None:
        """Leave the line, so that what follows starts on its own."""
        if self._is_terminal and self._shown:
            self._write("\n")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()
