"""Which SQL modes of MySQL and MariaDB a session may keep, and which of the two it talks to."""

from __future__ import annotations

_LEXICAL_MODES = {
    "ANSI",
    "ANSI_QUOTES",
    "DB2",
    "IGNORE_SPACE",
    "MAXDB",
    "MSSQL",
    "MYSQL323",
    "MYSQL40",
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "PIPES_AS_CONCAT",
    "POSTGRESQL",
}


def plain_modes(modes: str) -> str:
    """The session's SQL modes without those that move the ends of strings and identifiers: the
    SQL guard has read the statement as a server without them does."""
    kept = [mode for mode in modes.split(",") if mode and mode not in _LEXICAL_MODES]
    return ",".join(kept)


def server_name(version: str) -> str:
    """`MariaDB 10.11.6` or `MySQL 8.0.36` for what VERSION() says."""
    product = "MariaDB" if "MariaDB" in version else "MySQL"
    # MariaDB used to call itself 5.5.5-10.x for the sake of old replicas.
    return f"{product} {version.removeprefix('5.5.5-').split('-')[0]}"
