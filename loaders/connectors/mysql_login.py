"""How a driver connection to MySQL or MariaDB is opened, and what TLS means to the driver."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import MySQLdb
from MySQLdb.constants import CLIENT

from loaders.connectors.base import CertificateAuthority, SourceProfile, TlsMode
from loaders.connectors.errors import SourceTlsError
from loaders.connectors.mysql_errors import TLS_FAILED, error_number

CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"

# libmariadb reads these its own way. "PREFERRED" is plain text. "REQUIRED" is TLS if the source
# offers it and silently plain text if not: what PREFER means, and REQUIRE checks the outcome. The
# chain isn't verified without the host name: VERIFY_CA is as strict as VERIFY_FULL.
_PLAIN_TEXT = "DISABLED"
_SSL_MODES = {
    TlsMode.DISABLE: _PLAIN_TEXT,
    TlsMode.PREFER: "REQUIRED",
    TlsMode.REQUIRE: "REQUIRED",
    TlsMode.VERIFY_CA: "VERIFY_CA",
    TlsMode.VERIFY_FULL: "VERIFY_IDENTITY",
}
_NO_TLS = "The server offers no TLS and TLS mode REQUIRE asks for it: turn TLS on at the server."


@dataclass
class MysqlLogin:
    """How to open a driver connection: for the session, and again for each KILL QUERY.

    What PREFER came to for the session holds for the connections after it: none of them tries
    TLS where the source has none, and none falls back to plain text where the session did not.
    """

    profile: SourceProfile
    password: str = field(repr=False)
    authority: CertificateAuthority = field(init=False, repr=False)
    _agreed: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        self.authority = CertificateAuthority(self.profile)

    def open(self, *, connect_timeout: float, read_timeout: float) -> Any:
        """A driver connection; timeouts in seconds. Raises MySQLdb.Error and SourceTlsError."""
        timeouts = {
            "connect_timeout": max(1, round(connect_timeout)),
            "read_timeout": max(1, math.ceil(read_timeout)),
            "write_timeout": max(1, math.ceil(read_timeout)),
        }
        mode = self.profile.tls_mode
        ssl_mode = self._agreed or _SSL_MODES[mode]
        try:
            driver = self._open(ssl_mode, timeouts)
        except MySQLdb.OperationalError as error:
            may_fall_back = mode is TlsMode.PREFER and not self._agreed
            if not may_fall_back or error_number(error) != TLS_FAILED:
                raise
            ssl_mode = _PLAIN_TEXT
            driver = self._open(ssl_mode, timeouts)
        if mode is TlsMode.REQUIRE and not _is_encrypted(driver):
            driver.close()
            raise SourceTlsError(_NO_TLS)
        self._agreed = ssl_mode
        return driver

    def _open(self, ssl_mode: str, timeouts: Mapping[str, int]) -> Any:
        # With a CA file libmariadb insists on TLS, so it is only passed where that is meant.
        verified = {"ssl": {"ca": self.authority.path}} if self.authority.path else {}
        # To the driver the name localhost stands for a Unix socket.
        host = self.profile.host
        return MySQLdb.connect(
            host="127.0.0.1" if host == "localhost" else host,
            port=self.profile.port,
            user=self.profile.user_name,
            password=self.password,
            database=self.profile.db_name,
            charset="utf8mb4",
            use_unicode=False,
            conv={},
            multi_statements=False,
            local_infile=False,
            autocommit=True,
            ssl_mode=ssl_mode,
            **verified,
            **timeouts,
        )

    def forget(self) -> None:
        """Drop the password and the CA file; no further connection can be opened."""
        self.password = ""
        self.authority.close()


def one_row(driver: Any, query: str) -> tuple[str, ...]:
    """The one row of a small query. Raises MySQLdb.Error."""
    driver.query(query.encode())
    ((*cells,),) = driver.store_result().fetch_row(1, 0)
    return tuple(as_text(cell) for cell in cells)


def as_text(value: bytes | str) -> str:
    """What the driver tells as bytes or as text, by its version."""
    return value.decode() if isinstance(value, bytes) else value


def _is_encrypted(driver: Any) -> bool:
    """Whether a connection that asked for TLS has it.

    The driver makes TLS if the server's greeting offers it. Who takes the offer out of a greeting
    could answer the question for the cipher too, so the greeting that came counts as well.
    """
    return bool(driver.server_capabilities & CLIENT.SSL and one_row(driver, CIPHER)[1])
