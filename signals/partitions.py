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


def months_of(window: Window) -> Iterator[datetime]:
    """First instants (UTC) of the months that the window touches."""
    month = window.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < window.end:
        yield month
        month = _month_after(month)


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
    return [Window(first, _month_after(first)) for first in found]


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


def _month_after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def ensure_partitions_ahead(now: datetime, months: int = MONTHS_AHEAD) -> int:
    """Make the partitions of this month (UTC) and of the `months` after it; returns how many were
    new. Open loads into other months neither wait for it nor keep it waiting. Raises
    PartitionBusyError when the table stayed locked."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(first.year * 12 + first.month + months, 12)
    end = first.replace(year=year, month=month + 1)
    return ensure_partitions(Window(first, end))
