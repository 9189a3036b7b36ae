"""What the exit code of a command says to the script that called it."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus

from core.errors import TerminalError, TransientError


class ExitCode(IntEnum):
    """One number a kind of outcome. They are part of the interface: none changes its meaning."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_PERMITTED = 3
    NOT_FOUND = 4
    REFUSED = 5
    INVALID = 6
    TRY_LATER = 7
    NO_SUCH_USER = 8
    CANCELLED = 9
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """In a few words, for `--help`."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage",
    ExitCode.NOT_PERMITTED: "not permitted",
    ExitCode.NOT_FOUND: "no such loader, source, ...",
    ExitCode.REFUSED: "refused in its present state",
    ExitCode.INVALID: "invalid input",
    ExitCode.TRY_LATER: "not now, try again later",
    ExitCode.NO_SUCH_USER: "no active user of that name",
    ExitCode.CANCELLED: "the run was cancelled",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}
_BY_STATUS = {
    HTTPStatus.UNAUTHORIZED: ExitCode.NOT_PERMITTED,
    HTTPStatus.FORBIDDEN: ExitCode.NOT_PERMITTED,
    HTTPStatus.NOT_FOUND: ExitCode.NOT_FOUND,
    HTTPStatus.CONFLICT: ExitCode.REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: ExitCode.INVALID,
    HTTPStatus.SERVICE_UNAVAILABLE: ExitCode.TRY_LATER,
}


class UnknownActorError(TerminalError):
    """`--as` names nobody who could act."""

    code = "UNKNOWN_ACTOR"
    status = HTTPStatus.FORBIDDEN


class WaitTimedOutError(TransientError):
    """What the command waited for has not ended in the time it was given."""

    code = "WAIT_TIMED_OUT"
    status = HTTPStatus.REQUEST_TIMEOUT


class InterruptedByPersonError(TerminalError):
    """Somebody pressed Ctrl-C; the message says what goes on all the same."""

    code = "INTERRUPTED"
    status = HTTPStatus.REQUEST_TIMEOUT


def exit_code_of(error: Exception, status: int) -> ExitCode:
    """The code for an error whose problem document has this HTTP status."""
    if isinstance(error, UnknownActorError):
        return ExitCode.NO_SUCH_USER
    if isinstance(error, InterruptedByPersonError):
        return ExitCode.INTERRUPTED
    if isinstance(error, TransientError):
        return ExitCode.TRY_LATER
    return _BY_STATUS.get(HTTPStatus(status), ExitCode.FAILED)
