"""What ran in the last 24 hours, hour by hour (spec 12). Hours are whole ones, UTC: the present one
and the 23 before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncHour

from core.window import Window
from execution.models import LoadHistory, RunStatus

HOURS = 24
_HOUR = timedelta(hours=1)
_COMMITTED = Q(status__in=[RunStatus.SUCCESS, RunStatus.PARTIAL])


@dataclass(frozen=True)
class Hour:
    """Executions that started in an hour: those that committed, those that failed, and all; and how
    many records they loaded."""

    start: datetime
    succeeded: int = 0
    failed: int = 0
    runs: int = 0
    records: int = 0


def hour_of(instant: datetime) -> Window:
    """The whole hour, aware UTC, that the instant lies in."""
    start = instant.replace(minute=0, second=0, microsecond=0)
    return Window(start, start + _HOUR)


def last_day(now: datetime) -> Window:
    """The 24 whole hours that end with the present one."""
    end = hour_of(now).end
    return Window(end - HOURS * _HOUR, end)


def by_hour(executions: QuerySet[LoadHistory], now: datetime) -> Sequence[Hour]:
    """Those that started in the last day, a figure an hour; hours without any are there, too."""
    day = last_day(now)
    rows = (
        executions.filter(start_time__gte=day.start, start_time__lt=day.end)
        .order_by()
        .values(hour=TruncHour("start_time"))
        .annotate(
            succeeded=Count("pk", filter=_COMMITTED),
            failed=Count("pk", filter=Q(status=RunStatus.FAILED)),
            runs=Count("pk"),
            records=Sum("records_loaded", default=0),
        )
    )
    known = {
        row["hour"]: Hour(
            row["hour"], row["succeeded"], row["failed"], row["runs"], int(row["records"])
        )
        for row in rows
    }
    starts = [day.start + number * _HOUR for number in range(HOURS)]
    return [known.get(start, Hour(start)) for start in starts]
