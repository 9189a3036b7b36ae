"""Monthly partitions of the signals table, made before a run's transaction opens (spec 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from django.db import OperationalError, ProgrammingError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import DuplicateTable, LockNotAvailable

from core.window import Window
from signals.exceptions import PartitionBusyError

MONTHS_AHEAD = 3
_OF_TABLE = """
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'signals.signals_history'::regclass
"""
_MONTHS = f"SELECT c.relname {_OF_TABLE} ORDER BY c.relname"
OLDEST_MONTH = f"SELECT min(c.relname) {_OF_TABLE}"
"""Statement that tells which partition is the oldest; another one once a month was dropped."""

_NAME = "signals_history_y%Ym%m"


def months_of(window: Window) -> Iterator[datetime]:
    """First instants (UTC) of the months that the window touches."""
    month = first_of_month(window.start)
    while month < window.end:
        yield month
        month = month_after(month)


def missing_months(windows: Iterable[Window]) -> list[Window]:
    """Months that the windows touch and that have no partition yet, in order."""
    months = sorted({month for window in windows for month in months_of(window)})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT month FROM unnest(%s::timestamptz[]) AS month WHERE to_regclass("
            "'signals.signals_history_y' || to_char(month AT TIME ZONE 'UTC', 'YYYY\"m\"MM')"
            ") IS NULL ORDER BY month",
            [months],
        )
        found = [first.astimezone(UTC) for (first,) in cursor.fetchall()]
    return [Window(first, month_after(first)) for first in found]


def ensure_partitions(window: Window, own: BaseDatabaseWrapper | None = None) -> int:
    """Make the partitions that the window needs; returns how many were new. Each is made in a
    transaction of its own: within a longer one, `own` is a session outside of it. Raises
    PartitionBusyError when the table stayed locked."""
    made = 0
    for month in months_of(window):
        try:
            with (own or connection).cursor() as cursor:
                cursor.execute("SELECT signals.ensure_partition(%s)", [month])
                made += int(cursor.fetchone()[0])
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise PartitionBusyError(
                f"The partition for {month:%Y-%m} could not be made: the signals table is locked."
            ) from None
        except ProgrammingError as error:
            # Somebody made it while the function waited for its turn; it looked for the table
            # in a catalogue cache that a wait does not refresh.
            if not isinstance(error.__cause__, DuplicateTable):
                raise
    return made


def ensure_partitions_ahead(now: datetime, months: int = MONTHS_AHEAD) -> int:
    """Make the partitions of this month (UTC) and of the `months` after it; returns how many were
    new. Open loads into other months neither wait for it nor keep it waiting. Raises
    PartitionBusyError when the table stayed locked."""
    first = first_of_month(now)
    year, month = divmod(first.year * 12 + first.month + months, 12)
    end = first.replace(year=year, month=month + 1)
    return ensure_partitions(Window(first, end))


def first_of_month(instant: datetime) -> datetime:
    """When the instant's month (UTC) began."""
    first = instant.astimezone(UTC)
    return first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(month: datetime) -> datetime:
    """The first instant of the next month, given that of one."""
    year, number = divmod(month.year * 12 + month.month, 12)
    return month.replace(year=year, month=number + 1)


def months_before(instant: datetime) -> list[datetime]:
    """First instants (UTC) of the months that have a partition and are wholly over before the
    instant, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        names = [name for (name,) in cursor.fetchall()]
    months = [datetime.strptime(name, _NAME).replace(tzinfo=UTC) for name in names]
    return [month for month in months if month_after(month) <= instant]


def drop_month(month: datetime) -> bool:
    """Drop the month's partition within the caller's transaction, which then keeps everybody else
    from the signals until it ends; False if there is none. Raises PartitionBusyError when loads
    hold the table for longer than a moment."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT signals.drop_month(%s)", [month])
            return bool(cursor.fetchone()[0])
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise PartitionBusyError(
            f"The partition of {month:%Y-%m} could not be dropped: loads hold the signals table."
        ) from None
