"""One try at a source, told so that a DBA can act on it: reachable, version, TLS, clock, rights.

Import the module, not the function, in tests: pytest collects what is called `test_...`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from loaders.connectors import connector_for
from loaders.connectors.base import SourceConnection, SourceProfile
from loaders.connectors.errors import SourceError
from loaders.connectors.privileges import PrivilegeReport

STATEMENT_TIMEOUT_SECONDS = 30.0
MAX_SKEW_SECONDS = 5.0
_ROUND_TRIPS = 3

# Words of drivers and servers, and what they mean for whoever has to mend it. The first match of
# the error's code and raw text counts; the raw text itself is not shown.
_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "SOURCE_UNREACHABLE",
        r"resolve|translate host name|name or service not known|no address|unknown .*host|^2005 ",
        "The host name {host} can't be resolved here: check its spelling and this portal's DNS.",
    ),
    (
        "SOURCE_UNREACHABLE",
        r"too many|slots are reserved|^1040 ",
        "The server has no connection left: raise its limit, or end idle sessions.",
    ),
    (
        "SOURCE_UNREACHABLE",
        r"starting up|shutting down|recovery mode|not accepting|not yet accepting",
        "The server at {host}:{port} is starting, stopping or recovering: try again later.",
    ),
    (
        "SOURCE_UNREACHABLE",
        r"refused|\(11[15]\)",
        "Nothing listens at {host}:{port}: check the port, that the server runs and that it "
        "listens on more than its own loopback address.",
    ),
    (
        "SOURCE_UNREACHABLE",
        r"reset by peer|unexpected eof|closed the connection unexpectedly",
        "The connection to {host}:{port} broke off while it was opened: check the server's log "
        "and the firewalls between.",
    ),
    (
        "SOURCE_UNREACHABLE",
        r"",
        "No answer from {host}:{port} in time: check host, port and the firewalls between.",
    ),
    (
        "SOURCE_AUTH_FAILED",
        r"pg_hba\.conf|is not allowed to connect|^1130 ",
        "The server admits no {user} from this portal's address: allow it (PostgreSQL: a "
        "pg_hba.conf line that fits TLS mode {tls}; MySQL: an account for this host).",
    ),
    (
        "SOURCE_AUTH_FAILED",
        r"database .* does not exist|unknown database|^1049 ",
        "The server has no database {database}: check its name.",
    ),
    (
        "SOURCE_AUTH_FAILED",
        r"permission denied for database|to database|^1044 ",
        "User {user} may not connect to database {database}: GRANT it (docs/sources.md).",
    ),
    (
        "SOURCE_AUTH_FAILED",
        r"",
        "The server refused user {user}: check the user name and set the password again.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"does(n't| not) support (ssl|it)\b|ssl is required",
        "The server offers no TLS and TLS mode {tls} asks for it: turn TLS on at the server.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"could not read root certificate|no certificate or crl",
        "The CA of the source is not a certificate in PEM form: paste it again.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"has expired",
        "The server's certificate has expired: renew it at the server.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"does not match host name|validation of ssl server certificate failed",
        "The server's certificate does not name {host}, which TLS mode {tls} asks for: give the "
        "source a host name that the certificate names, or the server a certificate that names "
        "this one.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"certificate",
        "The server's certificate does not pass TLS mode {tls}: check that the CA of the source "
        "signed it and that it has not expired.",
    ),
    (
        "SOURCE_TLS_FAILED",
        r"",
        "The server at {host}:{port} and this portal agree on no TLS: check that the server "
        "speaks TLS 1.2 or newer.",
    ),
)


@dataclass(frozen=True)
class ConnectionReport:
    """What a try at a source found; plain values, `json.dumps(asdict(report))` works.

    `code` is empty when all went well, else our error's. Times are milliseconds, `source_time`
    is ISO 8601 in UTC. `clock_skew_seconds` is the source's clock less this machine's; half of
    `round_trip_ms` of it is uncertain. `advice` is what to look at though the source answers.
    """

    db_code: str
    ok: bool
    code: str = ""
    message: str = ""
    vendor_code: str = ""
    server_version: str = ""
    tls: bool | None = None
    connect_ms: float | None = None
    round_trip_ms: float | None = None
    source_time: str = ""
    clock_skew_seconds: float | None = None
    privileges: PrivilegeReport | None = None
    advice: tuple[str, ...] = ()


def test_connection(profile: SourceProfile, password: str) -> ConnectionReport:
    """Connect, look and leave. Never raises a SourceError; the report never holds the password.

    Takes at most about the profile's connect timeout and a few statement timeouts of 30 s.
    """
    started_at = monotonic()
    try:
        with connector_for(profile.db_type).connect(
            profile,
            password,
            statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS,
            application_name="loaderportal connection test",
        ) as connection:
            return _look(profile, connection, _milliseconds(started_at))
    except SourceError as error:
        return ConnectionReport(
            db_code=profile.db_code,
            ok=False,
            code=error.code,
            message=advise(error, profile),
            vendor_code=error.vendor_code,
        )


def advise(error: SourceError, profile: SourceProfile) -> str:
    """What to do about an error at a source, in our words.

    An error without words of a driver has its own sentence already.
    """
    if not error.raw:
        return error.message
    told = f"{error.vendor_code} {error.raw}".strip()
    for code, pattern, sentence in _ADVICE:
        if error.code == code and re.search(pattern, told, re.IGNORECASE):
            return sentence.format(
                host=profile.host,
                port=profile.port,
                user=profile.user_name,
                database=profile.db_name,
                tls=profile.tls_mode.value,
            )
    return error.message


def _look(
    profile: SourceProfile,
    connection: SourceConnection,
    connect_ms: float,
) -> ConnectionReport:
    facts = connection.server_facts()
    source_time, skew, round_trip_ms = _compare_clocks(connection)
    try:
        privileges = connection.inspect_privileges()
    except SourceError as error:
        privileges = PrivilegeReport(None, (f"Privileges were not read: {error.message}",))
    return ConnectionReport(
        db_code=profile.db_code,
        ok=True,
        server_version=facts.version,
        tls=facts.tls,
        connect_ms=connect_ms,
        round_trip_ms=round_trip_ms,
        source_time=source_time.isoformat(timespec="milliseconds"),
        clock_skew_seconds=round(skew.total_seconds(), 3),
        privileges=privileges,
        advice=tuple(_advice(skew, tls=facts.tls)),
    )


def _compare_clocks(connection: SourceConnection) -> tuple[datetime, timedelta, float]:
    """The source's clock, its skew and the time of the quickest of some round trips."""
    tries = []
    for _ in range(_ROUND_TRIPS):
        before, started_at = datetime.now(UTC), monotonic()
        source_time = connection.server_clock()
        milliseconds = _milliseconds(started_at)
        skew = source_time - (before + timedelta(milliseconds=milliseconds / 2))
        tries.append((milliseconds, source_time, skew))
    milliseconds, source_time, skew = min(tries)
    return source_time, skew, milliseconds


def _advice(skew: timedelta, *, tls: bool | None) -> list[str]:
    advice = []
    if tls is False:
        advice.append(
            "The connection is not encrypted: turn TLS on at the server and set TLS mode "
            "VERIFY_FULL with its CA."
        )
    seconds = skew.total_seconds()
    if abs(seconds) > MAX_SKEW_SECONDS:
        side = "ahead of" if seconds > 0 else "behind"
        advice.append(
            f"The source's clock is {abs(seconds):.0f} s {side} this portal's: check NTP on both. "
            "Windows close by the slower of the two."
        )
    return advice


def _milliseconds(started_at: float) -> float:
    return round((monotonic() - started_at) * 1000, 1)
