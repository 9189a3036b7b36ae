"""What the SQLSTATEs of PostgreSQL and the texts of libpq mean in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from loaders.connectors.errors import (
    SourceAuthError,
    SourceBusyError,
    SourceCancelledError,
    SourceConnectionLostError,
    SourceDataError,
    SourceError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
    SourceTimeoutError,
    SourceTlsError,
    SourceUnreachableError,
)

_BY_SQLSTATE: Mapping[str, type[SourceError]] = {
    "22": SourceDataError,
    "40": SourceBusyError,
    "53": SourceBusyError,
    "08": SourceConnectionLostError,
    "57": SourceConnectionLostError,
    "25P": SourceConnectionLostError,
    "25006": SourceReadOnlyError,
    "25P04": SourceTimeoutError,
    "28": SourceAuthError,
    "3D": SourceAuthError,
    "42501": SourcePermissionError,
    "55P03": SourceTimeoutError,
    "57014": SourceCancelledError,
}

# A refused login carries no SQLSTATE through libpq, only text in the server's language.
_LOGIN_ERRORS: tuple[tuple[re.Pattern[str], type[SourceError]], ...] = (
    (re.compile(r"pg_hba\.conf"), SourceAuthError),
    # A line that breaks in the handshake says nothing about TLS.
    (
        re.compile(r"certificate|SSL error(?!: unexpected eof)|does not support SSL"),
        SourceTlsError,
    ),
    (
        re.compile(
            r"too many|slots are reserved|starting up|shutting down|recovery mode"
            r"|not accepting connections|not yet accepting"
        ),
        SourceUnreachableError,
    ),
    (
        re.compile(
            r"authentication failed|no password supplied|does not exist|not permitted to log in"
            r"|permission denied|not currently accepting connections"
        ),
        SourceAuthError,
    ),
    (
        re.compile(
            r"timeout|server closed the connection|could not (receive|send)|reset by peer"
            r"|unexpected eof"
        ),
        SourceUnreachableError,
    ),
)


def login_error(error: Exception) -> SourceError:
    """Our error for a session that could not be opened.

    libpq hands on no SQLSTATE here. Known texts decide; else a source that got as far as asking
    for the password has refused the login, in whatever language it says so.
    """
    raw = str(error)
    for pattern, kind in _LOGIN_ERRORS:
        if pattern.search(raw):
            return kind(raw=raw)
    pgconn = getattr(error, "pgconn", None)
    if getattr(pgconn, "used_password", False) or getattr(pgconn, "needs_password", False):
        return SourceAuthError(raw=raw)
    return SourceUnreachableError(raw=raw)


def error_class(sqlstate: str) -> type[SourceError]:
    """The class of our error for an SQLSTATE; the longest known prefix decides."""
    for length in (5, 3, 2):
        known = _BY_SQLSTATE.get(sqlstate[:length])
        if known is not None:
            return known
    return SourceSqlError if sqlstate else SourceConnectionLostError
