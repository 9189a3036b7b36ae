"""What can go wrong at a source, in our words and with stable codes (spec 6, 10).

Drivers quote SQL and data in their errors. So `message` is always a sentence of ours, and the
driver's own text is kept apart in `raw`, which only the run engine may store, encrypted. Adapters
raise these errors outside of any `except` block: no driver error hangs in the chain, so none can
reach a log through a traceback.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from core.errors import DefinitionError, PortalError, TerminalError, TransientError


class SourceError(PortalError):
    """Base of every error a connector raises on purpose.

    `raw` is the driver's own text and may hold SQL and data: never log it, never show it to
    those who may not see source error texts. `vendor_code` (SQLSTATE, or the number of a MySQL
    error) is safe to show and is part of `details`.
    """

    code: ClassVar[str] = "SOURCE_ERROR"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_GATEWAY
    summary: ClassVar[str] = "The source failed."

    def __init__(self, message: str = "", *, raw: str = "", vendor_code: str = "") -> None:
        details = {"sourceErrorCode": vendor_code} if vendor_code else None
        super().__init__(message or self.summary, details=details)
        self.raw = raw
        self.vendor_code = vendor_code


def summary_of(code: str) -> str:
    """What an error of that code means, in words that name neither host nor account."""
    kinds = {kind.code: kind for kind in SourceError.__subclasses__()}
    return kinds.get(code, SourceError).summary


class SourceUnreachableError(SourceError, TransientError):
    """No session could be opened: name, network, refused, timeout, too many connections."""

    code = "SOURCE_UNREACHABLE"
    summary = "The source could not be reached."


class SourceAuthError(SourceError, TerminalError):
    """The source refused the login: account, password, client address or database name."""

    code = "SOURCE_AUTH_FAILED"
    summary = "The source refused the login: check user, password, database and client address."


class SourceTlsError(SourceError, TerminalError):
    """TLS is missing on the source, or its certificate does not verify."""

    code = "SOURCE_TLS_FAILED"
    summary = (
        "The source offers no TLS connection that meets its TLS mode: check TLS at the server, the "
        "server's certificate and the CA of the source."
    )


class SourceTimeoutError(SourceError, TransientError):
    """The source stopped the statement at its time limit, or it waited too long for a lock."""

    code = "SOURCE_TIMEOUT"
    status = HTTPStatus.GATEWAY_TIMEOUT
    summary = "The source stopped the query at its time limit."


class SourceIdleError(SourceError, TransientError):
    """Not a byte came from the source for the idle-read timeout."""

    code = "SOURCE_IDLE"
    status = HTTPStatus.GATEWAY_TIMEOUT
    summary = "The source sent nothing for the whole idle-read timeout."


class SourceConnectionLostError(SourceError, TransientError):
    """An open session broke off: network, restart, or an administrator ended it."""

    code = "SOURCE_CONNECTION_LOST"
    summary = "The connection to the source was lost."


class SourceBusyError(SourceError, TransientError):
    """The source is out of a resource, or a replica gave up the query for its recovery."""

    code = "SOURCE_BUSY"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    summary = "The source could not serve the query now."


class SourceCancelledError(SourceError, TerminalError):
    """The query was cancelled, by us or by somebody at the source.

    Terminal, because whoever cancelled it meant it: no further attempt in the same run.
    """

    code = "SOURCE_CANCELLED"
    status = HTTPStatus.CONFLICT
    summary = "The query was cancelled."


class SourceReadOnlyError(SourceError, DefinitionError):
    """The statement tried to write and the read-only session refused it."""

    code = "SOURCE_READ_ONLY"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    summary = "The query tried to write; the session is read-only."


class SourcePermissionError(SourceError, TerminalError):
    """The account lacks a privilege that the statement needs."""

    code = "SOURCE_PERMISSION_DENIED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    summary = "The source account lacks a privilege that the query needs."


class SourceSqlError(SourceError, DefinitionError):
    """The source does not accept the statement: syntax, unknown table or column, types."""

    code = "SOURCE_SQL_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    summary = "The source does not accept the query."


class SourceDataError(SourceError, TerminalError):
    """Data at the source that the statement, or UTF-8, can't represent."""

    code = "SOURCE_DATA"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    summary = "The query met data at the source that it can't compute with."


class DriverMissingError(SourceError, TerminalError):
    """The database driver for this kind of source is not installed."""

    code = "DRIVER_MISSING"
    status = HTTPStatus.NOT_IMPLEMENTED
    summary = "The driver for this kind of source is not installed."
