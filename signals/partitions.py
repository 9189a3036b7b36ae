"""Monthly partitions of the signals table, made before a run's transaction opens (spec 2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from core.window import Window
from signals.exceptions import PartitionBusyError


def months_of(window: Window) -> Iterator[datetime]:
    """First instants (UTC) of the months that the window touches."""
    month = window.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < window.end:
        yield month
        month = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def ensure_partitions(window: Window) -> int:
    """Make the partitions that the window needs; returns how many were new. Each is made in a
    transaction of its own. Raises PartitionBusyError when the table stayed locked."""
    made = 0
    for month in months_of(window):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT signals.ensure_partition(%s)", [month])
                made += int(cursor.fetchone()[0])
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise PartitionBusyError(
                f"The partition for {month:%Y-%m} could not be made: the signals table is locked."
            ) from None
    return made
