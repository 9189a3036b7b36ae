"""A source's table of readings and the loader SQL over it, alike in PostgreSQL and MySQL.

The table holds results: each group of the SQL is one of its rows, so the source has little to
compute and the time of a run is that of reading, checking and writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.servers import SourceServer
from tests.support.scenes import START

_GRAIN = timedelta(seconds=60)
_SEGMENTS = {
    "channel": 10,
    "مدينة": 7,
    "product": 11,
    "error": 13,
    "tier": 2,
    "device": 3,
    "quarter": 4,
    "carrier": 5,
    "shift": 6,
    "language": 9,
}
"""Ten segments, each with so many values: thousands of combinations before one comes again."""

_TABLE = (
    "CREATE TABLE {table} (id bigint PRIMARY KEY, at {timestamp} NOT NULL, "
    + ", ".join(f"segment_{n} varchar(40)" for n in range(1, 11))
    + ", sum_val double precision, avg_val double precision, max_val double precision, "
    "min_val double precision, value_count bigint)"
)
_BY_KIND = {
    "POSTGRESQL": ("timestamptz", "timestamptz '{start}+00' + {seconds} * interval '1 second'"),
    "MYSQL": ("datetime", "TIMESTAMPADD(SECOND, {seconds}, '{start}')"),
}
_DIGIT = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))


@dataclass(frozen=True)
class Readings:
    """How many rows there are, of how many combinations, and how far apart their times lie."""

    table: str
    rows: int
    combinations: int
    step: timedelta

    @property
    def period(self) -> timedelta:
        """From the first reading to the first grain after the last one."""
        span = (self.rows // self.combinations) * self.step
        return -(-span // _GRAIN) * _GRAIN

    @property
    def end(self) -> datetime:
        """The first grain (UTC) after the last reading."""
        return START + self.period

    @property
    def sql(self) -> str:
        """The loader's statement: one group a row, all segments and VALUE_COUNT in use."""
        segments = ", ".join(f"segment_{n} AS SEGMENT_{n}" for n in range(1, 11))
        return (
            f"SELECT at AS LOAD_TIME_STAMP, {segments}, COUNT(*) AS REC_COUNT, "
            "sum_val AS SUM_VAL, avg_val AS AVG_VAL, max_val AS MAX_VAL, min_val AS MIN_VAL, "
            f"value_count AS VALUE_COUNT FROM {self.table} "
            "WHERE at >= :fromTime AND at < :toTime GROUP BY id"
        )

    def make(self, server: SourceServer) -> None:
        """Make the table and its rows. Every fiftieth one has null values."""
        timestamp, at = _BY_KIND[server.db_type]
        server.execute(_TABLE.format(table=self.table, timestamp=timestamp))
        seconds = f"(n - MOD(n, {self.combinations})) / {self.combinations} * {self.step.seconds}"
        combination = f"MOD(n, {self.combinations})"
        segments = ", ".join(
            f"CONCAT('{name}-', MOD({combination}, {count}))" for name, count in _SEGMENTS.items()
        )
        server.execute(
            f"INSERT INTO {self.table} SELECT n, "
            f"{at.format(start=START.strftime('%Y-%m-%d %H:%M:%S'), seconds=seconds)}, "
            f"{segments}, {_value(1)}, {_value(2)}, {_value(8)}, {_value(16)}, MOD(n, 50) "
            f"FROM ({_numbers(self.rows)}) AS numbers WHERE n < {self.rows}"
        )
        server.execute(f"ANALYZE {'TABLE ' if server.db_type == 'MYSQL' else ''}{self.table}")


def many(rows: int) -> Readings:
    """A thousand combinations every minute."""
    return Readings(f"many_combinations_{rows}", rows, min(rows, 1000), timedelta(seconds=60))


def one(rows: int) -> Readings:
    """One combination, every second."""
    return Readings(f"one_combination_{rows}", rows, 1, timedelta(seconds=1))


def _value(divisor: int) -> str:
    return f"CASE WHEN MOD(n, 50) = 0 THEN NULL ELSE MOD(n, 9973) / {divisor}.0 END"


def _numbers(rows: int) -> str:
    """The numbers from 0 to below a power of ten, in SQL that both kinds of source understand."""
    places = range(len(str(rows - 1)))
    value = " + ".join(f"d{place}.d * {10**place}" for place in places)
    tables = " CROSS JOIN ".join(f"({_DIGIT}) AS d{place}" for place in places)
    return f"SELECT {value} AS n FROM {tables}"
