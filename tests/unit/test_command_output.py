"""What a command writes: text for people, JSON for machines, progress, exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management.base import OutputWrapper
from django.db import OperationalError
from rest_framework.exceptions import ValidationError
from rich.console import Group

from accounts.commands import Progress, Unchanged, fields, table, verbatim
from accounts.commands.exit_codes import ExitCode
from accounts.commands.output import Output
from accounts.roles import PermissionDeniedError
from core.errors import PortalError
from execution.exceptions import LoaderAtCapacityError, LockLostError
from loaders.connectors.errors import SourceUnreachableError
from loaders.exceptions import LoaderDisabledError, LoaderNotFoundError, ValidationFailedError


class Terminal(StringIO):
    """A stream at which a person sits."""

    def isatty(self) -> bool:
        return True


def written(view: object, *, stream: StringIO | None = None) -> str:
    out = stream or StringIO()
    Output(OutputWrapper(out), OutputWrapper(StringIO()), is_json=False, is_plain=True).answer(
        {},
        view,  # type: ignore[arg-type]
    )
    return out.getvalue()


def problem_of(error: Exception, *, is_json: bool = False) -> tuple[str, ExitCode]:
    err = StringIO()
    output = Output(OutputWrapper(StringIO()), OutputWrapper(err), is_json=is_json, is_plain=True)
    code = output.problem(error)
    return err.getvalue(), code


def test_cells_read_as_people_write() -> None:
    instant = datetime(2026, 1, 31, 10, tzinfo=UTC)
    out = written(table(("A", "B", "C", "D"), [(instant, True, None, "[b]x[/b] :smile:")]))
    assert out == (
        "A                    B    C  D\n2026-01-31 10:00:00  yes  –  [b]x[/b] :smile:\n"  # noqa: RUF001
    )


def test_a_table_in_a_file_is_not_cut() -> None:
    assert "x" * 300 in written(fields({"name": "x" * 300}))


@pytest.mark.parametrize("stream", [StringIO(), Terminal()])
def test_a_statement_keeps_its_lines_however_long(stream: StringIO) -> None:
    sql = "SELECT " + "a, " * 400 + "\r\nFROM b"
    assert f"\n{sql}".replace("\r", "").replace(", \n", ",\n") in written(
        Group(fields({"a": 1}), verbatim(sql)), stream=stream
    )


def test_a_bar_is_drawn_at_a_terminal_told_in_a_log_and_silent_with_json() -> None:
    for stream, is_silent, shown in (
        (Terminal(), False, "50% of 1,200 rows"),
        (StringIO(), False, "[###############---------------] 50% of 1,200 rows\n"),
        (StringIO(), True, ""),
    ):
        progress = Progress(OutputWrapper(stream), is_silent=is_silent)
        progress.bar(600, 1200, "rows")
        progress.bar(601, 1200, "rows")
        progress.bar(0, 0, "rows")
        written_now = stream.getvalue()
        if isinstance(stream, Terminal):
            assert written_now.startswith("\r\x1b[2K")
            assert "━" in written_now
            assert written_now.endswith(shown)
        else:
            assert written_now == shown


def test_an_answer_for_files_is_written_as_it_stands() -> None:
    assert written(Unchanged("a:  \n\tb \n")) == "a:  \n\tb \n"


def test_control_characters_are_replaced_and_other_scripts_stay() -> None:
    assert written("جدة\x1b[2J\x07") == "جدة�[2J�\n"


def test_a_problem_is_one_line_with_its_code_and_what_is_wrong_with_each_field() -> None:
    error = ValidationFailedError(
        "Please correct: loader_code.", details={"errors": {"loader_code": ["Too\nlong."]}}
    )
    assert problem_of(error)[0] == (
        "VALIDATION_FAILED: Please correct: loader_code. loaderCode: Too long.\n"
    )


def test_a_problem_as_json_is_the_document_of_the_api() -> None:
    text, _ = problem_of(LoaderNotFoundError("There is no loader X."), is_json=True)
    document = json.loads(text)
    assert (document["status"], document["code"]) == (404, "LOADER_NOT_FOUND")
    assert set(document) == {"type", "title", "status", "code", "detail", "correlationId"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionDeniedError("x"), ExitCode.NOT_PERMITTED),
        (LoaderNotFoundError("x"), ExitCode.NOT_FOUND),
        (LoaderDisabledError("x"), ExitCode.REFUSED),
        (ValidationFailedError("x"), ExitCode.INVALID),
        (ValidationError({"name": ["x"]}), ExitCode.INVALID),
        (LoaderAtCapacityError("x"), ExitCode.TRY_LATER),
        (LockLostError("x"), ExitCode.TRY_LATER),
        (SourceUnreachableError("x"), ExitCode.TRY_LATER),
        (OperationalError("secret words of the driver"), ExitCode.TRY_LATER),
        (PortalError("x"), ExitCode.FAILED),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    text, found = problem_of(error)
    assert found == code
    assert "secret" not in text


def test_a_defect_is_not_told_as_a_problem() -> None:
    with pytest.raises(ZeroDivisionError):
        problem_of(ZeroDivisionError())


def test_every_exit_code_has_a_meaning() -> None:
    assert all(code.meaning for code in ExitCode)


def test_progress_is_one_line_at_a_terminal_and_a_line_a_change_elsewhere() -> None:
    for stream, expected in (
        (StringIO(), "queued\nrunning\n"),
        (Terminal(), "\r\x1b[2Kqueued\r\x1b[2Krunning\n"),
    ):
        progress = Progress(OutputWrapper(stream), is_silent=False)
        for text in ("queued", "queued", "running"):
            progress.say(text)
        progress.end()
        progress.end()
        assert stream.getvalue() == expected


def test_progress_is_silent_where_it_must_be() -> None:
    stream = Terminal()
    progress = Progress(OutputWrapper(stream), is_silent=True)
    progress.say("queued")
    progress.end()
    assert stream.getvalue() == ""
