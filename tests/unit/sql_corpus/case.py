"""The form of a corpus entry, and the ordinary statement most entries are variations of."""

from __future__ import annotations

from dataclasses import dataclass

from loaders.dialects import DatabaseType

MYSQL = DatabaseType.MYSQL
POSTGRESQL = DatabaseType.POSTGRESQL


@dataclass(frozen=True)
class Case:
    """A statement; `codes` are the errors it must raise (none: valid)."""

    name: str
    db_type: DatabaseType
    sql: str
    codes: frozenset[str]
    warnings: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.db_type.lower()}: {self.name}"


def segments(*names: str) -> str:
    """Ten segment columns, the named ones first, NULL for the rest."""
    values = [*names, *["NULL"] * (10 - len(names))]
    return ", ".join(f"{value} AS SEGMENT_{i}" for i, value in enumerate(values, start=1))


def loader(
    *,
    before: str = "",
    stamp: str = "created_at",
    segment: str = "region",
    total: str = "SUM(amount)",
    average: str = "AVG(amount)",
    more: str = "",
    source: str = "orders",
    where: str = "created_at >= :fromTime AND created_at < :toTime",
    group: str = "GROUP BY 1, 2",
    after: str = "",
) -> str:
    """An ordinary loader statement with parts exchanged."""
    return (
        f"{before}SELECT {stamp} AS LOAD_TIME_STAMP, {segments(segment)}, COUNT(*) AS REC_COUNT, "
        f"{total} AS SUM_VAL, {average} AS AVG_VAL, MAX(amount) AS MAX_VAL, "
        f"MIN(amount) AS MIN_VAL{more} FROM {source} WHERE {where} {group}{after}"
    )


def good(name: str, db_type: DatabaseType, sql: str, *warnings: str) -> Case:
    """A statement that must be accepted, with the warnings it must raise."""
    return Case(name, db_type, sql, frozenset(), frozenset(warnings))


def refused(name: str, db_type: DatabaseType, sql: str, *codes: str) -> Case:
    """A statement that must be refused with at least these codes."""
    return Case(name, db_type, sql, frozenset(f"SQL_{code}" for code in codes))
