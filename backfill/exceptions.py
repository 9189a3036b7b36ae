"""Errors of the backfill app."""

from __future__ import annotations

from http import HTTPStatus

from core.errors import TerminalError, TransientError
from loaders.exceptions import InvalidTransitionError


class BackfillJobNotFoundError(TerminalError):
    """No backfill job has this id."""

    code = "BACKFILL_JOB_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class BackfillTransitionError(InvalidTransitionError):
    """The job is not in a status from which this is possible."""


class BackfillJobNotPendingError(BackfillTransitionError):
    """Only a pending job can be executed; it was started before, or has ended."""

    code = "BACKFILL_JOB_NOT_PENDING"
    status = HTTPStatus.CONFLICT


class BackfillJobNotCancellableError(BackfillTransitionError):
    """The job has ended."""

    code = "BACKFILL_JOB_NOT_CANCELLABLE"
    status = HTTPStatus.CONFLICT


class BackfillJobExistsError(TerminalError):
    """An active job over the very same range exists; `details["jobId"]` names it."""

    code = "BACKFILL_JOB_EXISTS"
    status = HTTPStatus.CONFLICT


class RecountNotFoundError(TerminalError):
    """No re-count has this id."""

    code = "RECOUNT_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class SourceDataExpiredError(TerminalError):
    """The source no longer has what a window of the job would load."""

    code = "SOURCE_DATA_EXPIRED"
    status = HTTPStatus.CONFLICT


class VersionChangedError(TransientError):
    """The loader was approved anew at this very moment; the job is paused at the next look."""

    code = "BACKFILL_VERSION_CHANGED"


class GapScanNotFoundError(TerminalError):
    """No gap scan has this id."""

    code = "GAP_SCAN_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND
