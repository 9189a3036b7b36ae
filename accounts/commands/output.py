"""Text for people, one JSON document for machines; problems on standard error."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.management.base import OutputWrapper
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from accounts.commands.exit_codes import ExitCode, exit_code_of
from core.api.json import CamelCaseRenderer
from core.api.problems import problem_response
from core.camel_case import camelize
from core.display import NOTHING, instant_text

_WIDTH_OF_FILES = 500
"""Columns where the output is no terminal: a table is as wide as its content, and not cut."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    """Rows under column heads. Instants are UTC."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=number == 0)  # a code or an id stays whole
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def fields(values: Mapping[str, object]) -> Table:
    """Names and values below each other."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(no_wrap=True, style="bold")
    made.add_column(overflow="fold")
    for name, value in values.items():
        made.add_row(name, cell(value))
    return made


@dataclass(frozen=True)
class Unchanged:
    """An answer for files and pipes, written as it stands: it must be printable already."""

    text: str

    def __rich__(self) -> str:
        return self.text


def verbatim(text: str) -> Text:
    """A text whose lines stay as they are, however long."""
    return Text(_printable(text), no_wrap=True, overflow="ignore")


def cell(value: object) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return instant_text(value)
    return _printable(str(value))


class Output:
    """Where a command's answer and its problems go."""

    def __init__(
        self, stdout: OutputWrapper, stderr: OutputWrapper, *, is_json: bool, is_plain: bool
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._is_json = is_json
        self._is_plain = is_plain

    def answer(self, document: object, view: RenderableType) -> None:
        """Write the answer: the document with `--json`, else the view."""
        if not self._is_json and isinstance(view, Unchanged):
            self._stdout.write(view.text, ending="")
            return
        text = _json(document) if self._is_json else self._rendered(view)
        self._stdout.write(text)

    def problem(self, error: Exception) -> ExitCode:
        """Write what went wrong, as the API would answer it; the exit code for it. An error that
        the API has no answer for is raised again: it is a defect."""
        response = problem_response(error, {})
        if response is None:
            raise error
        if self._is_json:
            self._stderr.write(_json(response.data), style_func=str)
        else:
            self._stderr.write(_sentence(response.data))
        return exit_code_of(error, response.status_code)

    def _rendered(self, view: RenderableType) -> str:
        is_terminal = self._stdout.isatty()
        console = Console(
            file=io.StringIO(),
            force_terminal=is_terminal,
            no_color=self._is_plain or None,
            width=None if is_terminal else _WIDTH_OF_FILES,
            markup=False,
            highlight=False,
            emoji=False,
        )
        with console.capture() as captured:
            console.print(verbatim(view) if isinstance(view, str) else view, crop=False)
        return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _json(document: object) -> str:
    return CamelCaseRenderer().render(document, renderer_context={"indent": 2}).decode()


def _sentence(problem: Mapping[str, Any]) -> str:
    """`CODE: message` on one line, with what is wrong with each field."""
    text = f"{problem['code']}: {problem['detail']}"
    errors = problem.get("errors")
    if isinstance(errors, Mapping):
        told = [
            f"{camelize(str(name))}: {' '.join(map(str, texts))}" for name, texts in errors.items()
        ]
        text = " ".join([text, *(each for each in told if not _says(text, each))])
    return _printable(" ".join(text.split()))


def _says(text: str, told: str) -> bool:
    """Whether the sentence says already what is wrong, as it does of rules over several fields."""
    return told.partition(": ")[2] in text


def _printable(text: str) -> str:
    """The text without control characters, by which a stored text could steer the terminal."""
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) != "Cc" else _REPLACEMENT
        for letter in text.replace("\r\n", "\n")
    )
