"""Real database servers for tests, one of each kind a run, and source databases on them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

POSTGRES_URL = "LOADERPORTAL_TEST_POSTGRES_URL"
MYSQL_URL = "LOADERPORTAL_TEST_MYSQL_URL"

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True)
class SourceServer:
    """A fresh source database: `reader` may SELECT and nothing else, `writer` may do all in it.

    `tls_ca` is the authority of the server's certificate as PEM; empty: none is known.
    """

    db_type: str
    host: str
    port: int
    db_name: str
    reader: str
    reader_password: str = field(repr=False)
    writer: str
    writer_password: str = field(repr=False)
    admin_cursor: Callable[[], AbstractContextManager[Any]] = field(repr=False)
    tls_ca: str = field(default="", repr=False)

    def execute(self, sql: str, params: Parameters | None = None) -> list[Row]:
        """Run one statement in the database as its administrator and return the rows it has."""
        with self.admin_cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall()) if cursor.description else []

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run one statement for each of many rows as the database's administrator."""
        with self.admin_cursor() as cursor:
            cursor.executemany(sql, list(rows))


def new_name(kind: str) -> str:
    """Return a name that no other test uses for a database or an account."""
    return f"{kind}_{secrets.token_hex(5)}"


def new_password() -> str:
    """Return a password that needs no quoting in SQL or in an address."""
    return secrets.token_urlsafe(18)
