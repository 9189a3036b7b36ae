"""What executions recorded about a part of a loader's time, as verification needs it (spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Max, Min
from django.db.models.functions import Coalesce

from core.window import Window
from execution.coverage import Outcome, uncovered
from execution.models import LOADING, LoadHistory, RunStatus, Trigger
from execution.provenance import LoadedRun
from execution.replay import Event
from loaders.models import Loader
from loaders.policies import REPLACE_KEYS, PurgeStrategy

_LOADED = (RunStatus.SUCCESS, RunStatus.PARTIAL)
_ENDED = (*_LOADED, RunStatus.FAILED)
_COLUMNS = (
    "id",
    "query_from_time",
    "query_to_time",
    "status",
    "trigger",
    "purge_strategy",
    "end_time",
)
_KEEPING = {PurgeStrategy.SKIP_DUPLICATES.value, REPLACE_KEYS[0]}
_COUNTS = ("records_read", "records_loaded", "records_purged")


@dataclass(frozen=True)
class RunRecord:
    """What of an execution tells about coverage."""

    id: UUID
    window: Window
    status: str
    trigger: str
    strategy: str
    ended_at: datetime
    read: int
    loaded: int
    purged: int

    @property
    def outcome(self) -> Outcome:
        """As the commit told coverage."""
        if self.status == RunStatus.FAILED:
            return Outcome.FAILURE
        if self.read:
            return Outcome.ROWS
        return Outcome.NO_ROWS_CONFIRMED if self.trigger == Trigger.BACKFILL else Outcome.NO_ROWS

    @property
    def has_loaded(self) -> bool:
        """Whether it committed."""
        return self.status in _LOADED

    @property
    def keeps(self) -> bool:
        """Whether it left standing what it met, but for signals of the same keys."""
        return self.strategy in _KEEPING

    def as_loaded(self) -> LoadedRun:
        """For `provenance`."""
        return LoadedRun(self.id, self.window, self.loaded, self.purged, keeps=self.keeps)

    def as_event(self) -> Event:
        """For `replay`."""
        return Event(self.ended_at, self.window, self.outcome, self.id, cleared=not self.keeps)


@dataclass(frozen=True)
class Reach:
    """How far executions tell: `longest` is the length of the longest window, `since` when the
    oldest one that is kept was started; None without any."""

    longest: timedelta
    since: datetime | None

    @classmethod
    def of(cls, loader: Loader, start: datetime | None) -> Reach:
        """For the loader's time from an instant on. Only closed time is loaded, so whatever
        overlaps that time was started after it began."""
        kept = LoadHistory.objects.filter(loader_id=loader.loader_code, trigger__in=LOADING)
        since = kept.aggregate(since=Min("start_time"))["since"]
        later = kept if start is None else kept.filter(start_time__gt=start)
        length = later.aggregate(most=Max(F("query_to_time") - F("query_from_time")))["most"]
        planned = timedelta(seconds=max(loader.max_query_period_seconds, 90_000))
        return cls(max(length or planned, planned), since)


class RunsAround:
    """The executions whose windows overlap a stretch (`inside`), and with them those that what
    they purged may have belonged to (`around`, all within `hull`). In the order of commits."""

    def __init__(self, loader_code: str, stretch: Window, reach: Reach) -> None:
        self._loader_code = loader_code
        self._longest = reach.longest
        self.inside = self._overlapping(stretch)
        near = _hull(stretch, self.inside)
        nearby = self._with_more(self.inside, stretch, near)
        self.hull = _hull(near, nearby)
        self.around = self._with_more(nearby, near, self.hull)

    def _with_more(self, known: list[RunRecord], stretch: Window, wider: Window) -> list[RunRecord]:
        """Those that overlap the wider stretch, given those that overlap a part of it."""
        found = {run.id: run for run in known}
        for rest in uncovered(wider, [stretch]):
            found |= {run.id: run for run in self._overlapping(rest)}
        return sorted(found.values(), key=lambda run: run.ended_at)

    def _overlapping(self, stretch: Window) -> list[RunRecord]:
        runs = LoadHistory.objects.filter(
            loader_id=self._loader_code,
            status__in=_ENDED,
            trigger__in=LOADING,
            query_from_time__gte=stretch.start - self._longest,
            query_from_time__lt=stretch.end,
            query_to_time__gt=stretch.start,
        ).order_by("end_time")
        counts = [Coalesce(F(name), 0) for name in _COUNTS]
        return [
            RunRecord(run, Window(first, last), *rest)
            for run, first, last, *rest in runs.values_list(*_COLUMNS, *counts)
        ]


def _hull(stretch: Window, runs: Sequence[RunRecord]) -> Window:
    first = min([stretch.start, *(run.window.start for run in runs)])
    return Window(first, max([stretch.end, *(run.window.end for run in runs)]))
