"""Errors of the execution app."""

from __future__ import annotations

from http import HTTPStatus

from core.errors import DefinitionError, TerminalError, TransientError


class ExecutionNotFoundError(TerminalError):
    """No execution has this id."""

    code = "EXECUTION_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class LockNotFoundError(TerminalError):
    """No lock has this id; released ones are deleted after their retention."""

    code = "LOCK_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class LoaderAtCapacityError(TransientError):
    """The loader or its source has as many active runs as it may."""

    code = "LOADER_AT_CAPACITY"
    status = HTTPStatus.CONFLICT


class PortalAtCapacityError(LoaderAtCapacityError):
    """No replica has a free slot, or the cap over all runs is reached: nothing can be started."""


class NothingToLoadError(TransientError):
    """No window of the loader is closed yet."""

    code = "NOTHING_TO_LOAD"
    status = HTTPStatus.CONFLICT


class LockLostError(TransientError):
    """The run no longer holds its lock: its lease was taken, so nothing of it may be visible."""

    code = "LOCK_LOST"


class WatermarkMovedError(TransientError):
    """The watermark is not where it was when the run was claimed; the next run starts anew."""

    code = "WATERMARK_MOVED"


class LeaseExpiredError(TransientError):
    """The worker was not heard of for a lease; its run was ended."""

    code = "LEASE_EXPIRED"


class NotClaimedError(TransientError):
    """No worker took the run up in time."""

    code = "NOT_CLAIMED"


class RunTimeoutError(TransientError):
    """The run took longer than its timeout."""

    code = "EXECUTION_TIMEOUT"


class RowCapExceededError(DefinitionError):
    """One grain brings more rows than the loader's row limit."""

    code = "ROW_CAP_EXCEEDED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class WindowOffGrainError(TerminalError):
    """A window does not start and end on the loader's grain."""

    code = "WINDOW_OFF_GRAIN"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TrialWindowError(TerminalError):
    """No run of the loader could read the window that a trial was asked for."""

    code = "TRIAL_WINDOW_INVALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TrialsNotAllowedError(TerminalError):
    """The source does not allow statements that nobody has approved."""

    code = "TRIALS_NOT_ALLOWED"
    status = HTTPStatus.CONFLICT


class TrialNotFoundError(TerminalError):
    """No trial has this id, or its result is past its days."""

    code = "TRIAL_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class WindowBeyondWatermarkError(TerminalError):
    """A chosen window reaches into time that live runs have yet to load."""

    code = "WINDOW_BEYOND_WATERMARK"
    status = HTTPStatus.CONFLICT


class PostTooScatteredError(TerminalError):
    """The signals of a post lie in more separate stretches of time than one request may name."""

    code = "POST_TOO_SCATTERED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class GapNotFoundError(TerminalError):
    """Nothing of the stretch is a gap of the loader, or there is no such loader."""

    code = "GAP_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class WaiverNotFoundError(TerminalError):
    """No waiver has this id."""

    code = "WAIVER_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class WaiverWithdrawnError(TerminalError):
    """The waiver was withdrawn before."""

    code = "INVALID_TRANSITION"
    status = HTTPStatus.CONFLICT


class RunCancelledError(TerminalError):
    """Somebody asked the run to stop."""

    code = "CANCELLED"


class SourceClockBehindError(TransientError):
    """By the source's own clock nothing of the window is closed yet."""

    code = "SOURCE_CLOCK_BEHIND"


class NotCancellableError(TerminalError):
    """The execution has ended."""

    code = "INVALID_TRANSITION"
    status = HTTPStatus.CONFLICT


class ControlDatabaseError(TransientError):
    """The portal's own database did not answer, or ended the run's session."""

    code = "CONTROL_DATABASE_FAILED"


class CaptureFailedError(TransientError):
    """The run's raw rows could not be kept, so nothing of it counts."""

    code = "CAPTURE_FAILED"


class UnexpectedError(TerminalError):
    """A defect of the portal; the stack trace is kept with the execution."""

    code = "INTERNAL_ERROR"
