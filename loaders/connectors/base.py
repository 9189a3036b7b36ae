"""The protocol between the portal and a source database, and what its adapters share (spec 2, 6).

An adapter gets plain values and never a model. It reads and can't write: the session and its
transaction are read-only, whatever the account may do. Passwords are arguments of `connect` and
never part of a profile, an error or a repr.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Protocol, Self

from loaders.connectors.catalogue import Catalogue
from loaders.connectors.errors import SourceDataError, SourceTlsError
from loaders.connectors.privileges import PrivilegeReport
from loaders.dialects import DatabaseType

Row = tuple[bytes | None, ...]
"""One row: every cell as plain UTF-8 text bytes, as the source prints it; NULL is None."""

BATCH_ROWS = 1000
BATCH_BYTES = 4 * 1024 * 1024
"""A batch ends at its number of rows or near this size, so wide rows stay in bounded memory."""

LOCK_TIMEOUT_SECONDS = 10
"""A reader queued behind a schema change makes others queue behind it: it gives up early."""

CANCEL_TIMEOUT_SECONDS = 2


class TlsMode(StrEnum):
    """How far the connection is protected; named as libpq's `sslmode`."""

    DISABLE = "DISABLE"
    PREFER = "PREFER"
    REQUIRE = "REQUIRE"
    VERIFY_CA = "VERIFY_CA"
    VERIFY_FULL = "VERIFY_FULL"


@dataclass(frozen=True)
class SourceProfile:
    """Where a source is and how to reach it; all but the password, so its repr may be logged.

    `tls_ca` is PEM text; empty means the certificate authorities of the system. It is used from
    REQUIRE on (REQUIRE with a CA verifies the chain). Timeouts are seconds.
    """

    db_code: str
    db_type: DatabaseType
    host: str
    port: int
    db_name: str
    user_name: str
    tls_mode: TlsMode = TlsMode.PREFER
    tls_ca: str = field(default="", repr=False)
    connect_timeout_seconds: float = 10
    idle_read_timeout_seconds: float = 60


@dataclass(frozen=True)
class ServerFacts:
    """What a session knows of its server.

    `tls` tells of the connection that the portal made; None where there is no connection.
    """

    version: str
    tls: bool | None


class ResultStream:
    """Rows of one statement in batches, read from the source as they are asked for.

    Iterate it to the end, or close it: closing earlier cancels the query on the source and makes
    the connection unusable, because what is left can't be skipped cheaply. No batch is empty.
    Not thread-safe. Iterating raises `SourceError`s; after one the stream has ended.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        read_batch: Callable[[], list[Row]],
        abandon: Callable[[], None],
    ) -> None:
        self.columns = columns
        """Names of the result's columns as the source tells them, known before the first row."""
        self._read_batch = read_batch
        self._abandon = abandon
        self._ended = False

    def __iter__(self) -> Iterator[list[Row]]:
        return self

    def __next__(self) -> list[Row]:
        if self._ended:
            raise StopIteration
        self._ended = True
        batch = self._read_batch()
        if not batch:
            raise StopIteration
        self._ended = False
        return batch

    def close(self) -> None:
        """Stop reading. Harmless at the end and when repeated."""
        if not self._ended:
            self._ended = True
            self._abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SourceConnection(Protocol):
    """One read-only session at a source; for one thread at a time, except for `cancel`.

    Every method raises `SourceError`s and nothing of the driver. After an error the session is
    closed: open another one.
    """

    @property
    def usable(self) -> bool:
        """Whether another statement may be sent; an idle session may still turn out dead."""

    def server_clock(self) -> datetime:
        """The source's own present time, in UTC. One round trip: serves as a ping too."""

    def server_facts(self) -> ServerFacts:
        """The server's product and version, such as `PostgreSQL 18.1`, and TLS."""

    def quote(self, value: str | int) -> str:
        """The value as an SQL literal, quoted by the driver for this very session."""

    def stream(self, statement: str, *, batch_rows: int = BATCH_ROWS) -> ResultStream:
        """Run one SELECT in a read-only transaction of its own and stream its rows.

        The statement is sent as it is: no placeholders, and `%` has no meaning. Returns when the
        source has accepted it. The transaction ends with the last batch, so an idle session
        holds no snapshot on the source.
        """

    def explain(self, statement: str) -> str:
        """The plan of one SELECT as the source prints it; the statement is not executed.

        In a read-only transaction with the session's timeouts: planning may evaluate constant
        parts. A statement that is not a query raises SourceSqlError.
        """

    def catalogue(self, *, most: int) -> Catalogue:
        """The tables and views that the account may read, with so many columns in all."""

    def inspect_privileges(self) -> PrivilegeReport:
        """What the account may do beyond reading, its roles included.

        Where the source does not tell, the report says so (`can_write` None) and the session may
        be closed.
        """

    def cancel(self) -> None:
        """Stop what runs on the source, from any thread; the reader gets SOURCE_CANCELLED.

        Final: the session serves no further statement. Never raises; takes up to some seconds
        if the source doesn't answer, and then cuts the connection.
        """

    def close(self) -> None:
        """End the session, and the query if one runs. Harmless when repeated."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Connector(Protocol):
    """Opens sessions at sources of one kind."""

    def connect(
        self,
        profile: SourceProfile,
        password: str,
        *,
        statement_timeout_seconds: float,
        application_name: str,
    ) -> SourceConnection:
        """Open a read-only session in UTC whose statements end after the timeout at the latest.

        Raises SourceUnreachableError, SourceAuthError, SourceTlsError.
        """


class CertificateAuthority:
    """The CA file of a profile for drivers that want a path; removed by `close`.

    `path` is None where the profile's TLS mode asks for no verification. Raises SourceTlsError
    when it does and there is neither a CA in the profile nor one in the system.
    """

    def __init__(self, profile: SourceProfile) -> None:
        self._file = None
        self.path: str | None = None
        if profile.tls_mode in {TlsMode.DISABLE, TlsMode.PREFER}:
            return
        if profile.tls_ca:
            _check_authority(profile.tls_ca)
            self._file = NamedTemporaryFile(prefix="source-ca-", suffix=".pem")  # noqa: SIM115
            self._file.write(profile.tls_ca.encode())
            self._file.flush()
            self.path = self._file.name
        elif profile.tls_mode is not TlsMode.REQUIRE:
            self.path = ssl.get_default_verify_paths().cafile
            if self.path is None:
                raise SourceTlsError("The TLS mode verifies certificates, but no CA is known.")

    def close(self) -> None:
        """Remove the file. Harmless when repeated."""
        if self._file is not None:
            self._file.close()


def _check_authority(pem: str) -> None:
    """Raises SourceTlsError for what is no certificate: the drivers' words for it mislead."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        is_readable = False
    else:
        is_readable = True
    if not is_readable:
        raise SourceTlsError(
            "The CA of the source is not a certificate in PEM form: paste it again."
        )


def text_rows(stream: ResultStream) -> list[tuple[str, ...]]:
    """All rows of a small result as text; NULL is empty."""
    with stream:
        return [tuple((cell or b"").decode() for cell in row) for batch in stream for row in batch]


def is_utf8(text: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def checked_size(rows: Sequence[Row], columns: Sequence[str]) -> int:
    """About how many bytes the rows hold; raises SourceDataError where a cell is not UTF-8."""
    # The separator is ASCII, so a broken end and a broken start can't add up to a character.
    joined = b"\n".join(filter(None, chain.from_iterable(rows)))
    if not is_utf8(joined):
        raise not_utf8(rows, columns)
    return len(joined)


def not_utf8(rows: Iterable[Row], columns: Sequence[str]) -> SourceDataError:
    """The error for rows that hold broken text; it names the first such column, never the data."""
    for row in rows:
        for column, cell in zip(columns, row, strict=False):
            if cell is not None and not is_utf8(cell):
                return SourceDataError(f"Column {column} holds bytes that are not UTF-8 text.")
    return SourceDataError("The result holds bytes that are not UTF-8 text.")
