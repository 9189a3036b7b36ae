"""Loaders on the home page: late, failed, behind, running."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from accounts.object_access import reachable
from accounts.roles import User
from core.display import Tone, ago_text, number_text, window_shown
from execution.admin import duration_text, status_badge
from execution.models import LoadHistory, RunStatus, Trigger
from loaderportal.home.cards import SHOWN, Card, executions_address
from loaders.admin.loader_filters import loaders_address
from loaders.admin.loader_list import lag_text, lateness_text
from loaders.models import Loader
from loaders.models.loader import LoaderQuerySet

_WORST = 6
_LATEST = 6
_HIDDEN = ("loader_sql",)


@dataclass(frozen=True)
class LoaderCounts:
    """Of the loaders that a person reaches and that are in use."""

    known: int
    late: int
    failed: int
    held: int


def count_loaders(user: User, now: datetime) -> LoaderCounts:
    """One statement, whatever there is to count."""
    failed = Q(state__load_status="FAILED")
    return LoaderCounts(
        **_loaders(user)
        .with_lateness(now)
        .aggregate(
            known=Count("pk"),
            late=Count("pk", filter=~Q(lateness="")),
            failed=Count("pk", filter=failed),
            held=Count("pk", filter=failed & Q(state__next_due_at=None)),
        )
    )


def loaders_context(user: User, counts: LoaderCounts, now: datetime) -> dict[str, Any]:
    """Cards and tables of loaders."""
    running = _running(user)
    rows = list(running[: SHOWN + 1])
    number = len(rows) if len(rows) <= SHOWN else running.count()
    behind = list(_loaders(user).behind(now).select_related("state").defer(*_HIDDEN)[:_WORST])
    return {
        "loader_cards": (
            Card("Running now", f"{number:,}", executions_address(status="active"), Tone.BUSY),
            Card("Late", f"{counts.late:,}", loaders_address(standing="late"), Tone.WAITING),
            Card("Failed", f"{counts.failed:,}", loaders_address(standing="failed"), Tone.BAD),
        ),
        "late_rest": _rest(counts.late, loaders_address(standing="late")),
        "failed_rest": _rest(counts.failed, loaders_address(standing="failed")),
        "behind_card": Card(
            "Furthest behind",
            lag_text(behind[0], now) if behind else "Nobody",
            loaders_address(standing="behind"),
            Tone.QUIET,
        ),
        "runs": [_run_row(run, now) for run in _with_latest(user, rows[:SHOWN])],
        "late": _late(user, now) if counts.late else [],
        "failed": _failures(user, now) if counts.failed else [],
        "behind": _behind_rows(behind, now),
    }


def _rest(number: int, address: str) -> dict[str, Any] | None:
    """The link to all of them, where the table shows some."""
    return {"number": number_text(number), "address": address} if number > SHOWN else None


def _loaders(user: User) -> LoaderQuerySet:
    return Loader.objects.filter(archived_at=None).visible_to(user)


def _runs(user: User) -> QuerySet[LoadHistory]:
    return reachable(user, LoadHistory.objects.all()).defer("source_error", "stack_trace")


def _running(user: User) -> QuerySet[LoadHistory]:
    return _runs(user).filter(status=RunStatus.RUNNING).order_by("start_time")


def _with_latest(user: User, running: list[LoadHistory]) -> list[LoadHistory]:
    """What runs, the oldest first, and then what started last, so that there is always something
    to look at."""
    known = {run.pk for run in running}
    latest = _runs(user).order_by("-start_time")[:_LATEST]
    return running + [run for run in latest if run.pk not in known]


def _run_row(run: LoadHistory, now: datetime) -> dict[str, Any]:
    return {
        "run": run,
        "status": status_badge(run),
        "window": window_shown(run.query_from_time, run.query_to_time),
        "loaded": number_text(run.records_loaded),
        "duration": duration_text(run, now),
        "ago": ago_text(run.start_time, now),
    }


def _late(user: User, now: datetime) -> list[dict[str, Any]]:
    """Those that have been due for longest, then those behind their target."""
    found: Any = _loaders(user).late(now).select_related("state").defer(*_HIDDEN)
    due = F("state__next_due_at").asc(nulls_last=True)
    return [
        {
            "loader": loader,
            "lag": lag_text(loader, now),
            "why": lateness_text(loader, loader.lateness, now),
        }
        for loader in found.order_by(due, "loader_code")[:SHOWN]
    ]


def _failures(user: User, now: datetime) -> list[dict[str, Any]]:
    """The loaders that failed last, each with the run that failed: the live one of its last
    attempt."""
    found = _loaders(user).failed().select_related("state").defer(*_HIDDEN)
    latest = F("state__last_attempt_at").desc(nulls_last=True)
    loaders = list(found.order_by(latest, "loader_code")[:SHOWN])
    runs = LoadHistory.objects.filter(
        loader_id__in=[loader.loader_code for loader in loaders],
        status=RunStatus.FAILED,
        trigger__in=[trigger for trigger in Trigger if trigger.is_live],
        start_time=F("loader__state__last_attempt_at"),
    ).defer("source_error", "stack_trace")
    by_code = {run.loader_id: run for run in runs}
    return [
        {
            "loader": loader,
            "run": (run := by_code.get(loader.loader_code)),
            "ago": ago_text(run.end_time or run.start_time, now) if run else "",
            "is_held": loader.state.is_held,
        }
        for loader in loaders
    ]


def _behind_rows(loaders: list[Loader], now: datetime) -> list[dict[str, Any]]:
    """The loaders with the oldest watermark, each with a bar beside the worst one's."""
    lags = [_lag_seconds(loader, now) for loader in loaders]
    worst = max(lags, default=0.0) or 1.0
    return [
        {
            "loader": loader,
            "lag": lag_text(loader, now),
            "share": f"{max(100 * lag / worst, 1):.1f}",
        }
        for loader, lag in zip(loaders, lags, strict=True)
    ]


def _lag_seconds(loader: Loader, now: datetime) -> float:
    watermark = loader.state.last_load_timestamp or now
    return (min(now, loader.end_at or now) - watermark).total_seconds()
