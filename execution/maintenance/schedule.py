"""When a maintenance job is due. Pure: instants are arguments, aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import croniter

from core.display import span_text

RETRY_PAUSE = timedelta(minutes=5)
"""A job that failed is tried again after this, if its own time does not come sooner."""


@dataclass(frozen=True)
class Every:
    """At a fixed interval from start to start, the first time at once."""

    interval: timedelta

    def __str__(self) -> str:
        return f"every {span_text(self.interval)}"

    def first(self, seen_at: datetime) -> datetime:
        """When a job that never ran is due, given when it was first seen."""
        return seen_at

    def after(self, started_at: datetime) -> datetime:
        """When the job is due after a run that started then."""
        return started_at + self.interval


@dataclass(frozen=True)
class Cron:
    """At the instants of a cron expression, which is read in UTC. ValueError if it is none."""

    expression: str

    def __post_init__(self) -> None:
        if not croniter.is_valid(self.expression):
            raise ValueError("not a cron expression")

    def __str__(self) -> str:
        return f"{self.expression} (cron, UTC)"

    def first(self, seen_at: datetime) -> datetime:
        """When a job that never ran is due, given when it was first seen."""
        return self.after(seen_at)

    def after(self, started_at: datetime) -> datetime:
        """The next instant of the expression; instants that were missed count as one."""
        found: datetime = croniter(self.expression, started_at.astimezone(UTC)).get_next(datetime)
        return found


Schedule = Every | Cron


@dataclass(frozen=True)
class Course:
    """What is known of a job's runs. `lease_until` is None while nobody is at it."""

    first_seen_at: datetime
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    lease_until: datetime | None = None
    has_failed: bool = False


def due_at(schedule: Schedule, course: Course, *, replica_started_at: datetime | None) -> datetime:
    """When a job is due, now or later.

    A job that a worker is at is due when its lease runs out: then the worker is gone. One that
    failed is due again after RETRY_PAUSE or at its own time, whichever comes first. Where
    `replica_started_at` is given, the job is also due once after that.
    """
    if course.lease_until is not None:
        return course.lease_until
    started = course.last_started_at
    due = schedule.first(course.first_seen_at) if started is None else schedule.after(started)
    if course.has_failed and course.last_finished_at is not None:
        due = min(due, course.last_finished_at + RETRY_PAUSE)
    if replica_started_at is not None and (started is None or started < replica_started_at):
        due = min(due, replica_started_at)
    return due
