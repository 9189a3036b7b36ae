"""What the error numbers of MySQL, MariaDB and their driver mean in our words."""

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
    SourceIdleError,
    SourcePermissionError,
    SourceReadOnlyError,
    SourceSqlError,
    SourceTimeoutError,
    SourceTlsError,
    SourceUnreachableError,
)

TLS_FAILED = 2026
_INTERRUPTED = 1317
_SERVER_LOST = 2013

_BY_NUMBER: Mapping[int, type[SourceError]] = {
    **dict.fromkeys(
        (1044, 1045, 1049, 1129, 1130, 1251, 1524, 1698, 1862, 2054, 2059, 3118, 4151),
        SourceAuthError,
    ),
    **dict.fromkeys((1142, 1143, 1227, 1345, 1356, 1370), SourcePermissionError),
    **dict.fromkeys((1040, 1041, 1135, 1203, 1213, 1226), SourceBusyError),
    **dict.fromkeys((1205, 1969, 3024), SourceTimeoutError),
    **dict.fromkeys((1290, 1792, 1836), SourceReadOnlyError),
    **dict.fromkeys((1292, 1300, 1365, 1366, 1690, 3854), SourceDataError),
    **dict.fromkeys((1053, 1152, 1158, 1159, 1160, 1161, 1927), SourceConnectionLostError),
    _INTERRUPTED: SourceCancelledError,
    TLS_FAILED: SourceTlsError,
    3159: SourceTlsError,
}

# A line that breaks in the handshake has the number of TLS, and the system's own at the end.
_BROKEN_HANDSHAKE = re.compile(r"\(\d+\)$|unexpected eof")


def error_number(error: Exception) -> int:
    """MySQL's number of a driver error; 0 where it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def login_error(error: Exception) -> SourceError:
    """Our error for a session that could not be opened."""
    number = error_number(error)
    kind = _BY_NUMBER.get(number, SourceUnreachableError)
    if number == TLS_FAILED and _BROKEN_HANDSHAKE.search(str(error.args[-1])):
        kind = SourceUnreachableError
    if kind not in {SourceAuthError, SourceTlsError}:
        kind = SourceUnreachableError
    return kind(raw=str(error), vendor_code=str(number))


def query_error(error: Exception, *, cancelled: bool, idle: bool) -> SourceError:
    """Our error for a session that was open.

    `cancelled` by us; `idle` where the driver had waited for the whole idle-read timeout.
    """
    number = error_number(error)
    details = {"raw": str(error), "vendor_code": str(number)}
    if cancelled:
        return SourceCancelledError(**details)
    if number == _INTERRUPTED:
        text = "The query was cancelled by somebody at the source."
        return SourceCancelledError(text, **details)
    # The driver has one number for a read that timed out and for a connection that broke: this one
    # in plain text, that one over TLS, whose handshake is long past here.
    if number in {_SERVER_LOST, TLS_FAILED}:
        lost = SourceIdleError if idle else SourceConnectionLostError
        return lost(**details)
    return error_class(number)(**details)


def error_class(number: int) -> type[SourceError]:
    """The class of our error for the number of a MySQL error; unknown ones blame the SQL."""
    if 2000 <= number < 3000 or number == 0:
        return _BY_NUMBER.get(number, SourceConnectionLostError)
    return _BY_NUMBER.get(number, SourceSqlError)
