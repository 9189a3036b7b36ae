"""Errors of the signals app. They name column and kind of a broken row, never its data."""

from __future__ import annotations

from http import HTTPStatus

from core.errors import DefinitionError, TerminalError, TransientError


class RowRejectedError(TerminalError):
    """A row of the source's result can't be a signal."""

    code = "ROW_REJECTED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ColumnsChangedError(DefinitionError):
    """The result's columns are not those of the contract."""

    code = "COLUMNS_CHANGED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class DuplicateKeyError(DefinitionError):
    """The result holds the same time and segments twice."""

    code = "DUPLICATE_KEY"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class DuplicateDataError(DefinitionError):
    """Signals already stand in the window, and the strategy is FAIL_ON_DUPLICATE."""

    code = "DUPLICATE_DATA"
    status = HTTPStatus.CONFLICT


class PartitionBusyError(TransientError):
    """The partition could not be made in time because another session held the table."""

    code = "PARTITION_BUSY"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class QueryInvalidError(TerminalError):
    """A signals query asks for something that can't be answered."""

    code = "QUERY_INVALID"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ComparisonTimeoutError(TransientError):
    """An output version has too many rows, or the database too much to do, to be compared now."""

    code = "COMPARISON_TIMEOUT"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class OutputNotFoundError(TerminalError):
    """No output version has this id, or it has expired."""

    code = "OUTPUT_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


class ExportTooLargeError(TerminalError):
    """More signals are asked for than one file may hold."""

    code = "EXPORT_TOO_LARGE"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ExportBusyError(TransientError):
    """As many downloads are under way as are served at once."""

    code = "EXPORT_BUSY"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": "60"}


class ExportCutShortError(TransientError):
    """A download took too long; its file is not whole."""

    code = "EXPORT_CUT_SHORT"
    status = HTTPStatus.SERVICE_UNAVAILABLE
