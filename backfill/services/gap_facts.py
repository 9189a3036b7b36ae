"""What a scan for gaps goes by, read in a few queries over all loaders (spec 9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from accounts.object_access import reachable
from accounts.roles import User
from audit.models import LoaderEvent
from backfill.gaps import LeftOut, LoaderGaps
from backfill.models import BackfillJob
from backfill.states import JobStatus
from core.window import Window
from execution.coverage import CoverageState
from execution.models import Gap
from execution.services.expiry import source_keeps_since
from loaders.models import ApprovalStatus, Loader
from loaders.policies import LoaderKind

ORIGIN = "gap scan"
"""What `BackfillJob.origin` says of jobs that a scan made."""

_MARGIN = timedelta(hours=1)
"""What the source is about to forget is not asked for: a backfill has to wait for its turn."""

_FIELDS = (
    "loader_code",
    "kind",
    "enabled",
    "approval_status",
    "archived_at",
    "grain_seconds",
    "time_zone",
    "offset_hours",
    "source_database__time_zone",
    "source_database__retention_days",
)


@dataclass
class ScannedLoader:
    """A loader within a scan. `left_out` says why it gets no backfills."""

    loader: Loader
    left_out: LeftOut | None


def loaders_of(user: User) -> dict[str, ScannedLoader]:
    """All loaders that the user reaches, by code, without their SQL."""
    every = Loader.objects.visible_to(user).select_related("source_database").only(*_FIELDS)
    return {
        loader.loader_code: ScannedLoader(loader, _why_left_out(loader))
        for loader in every.iterator()
    }


def _why_left_out(loader: Loader) -> LeftOut | None:
    if loader.archived_at is not None:
        return LeftOut.ARCHIVED
    if loader.kind == LoaderKind.EXTERNAL:
        return LeftOut.EXTERNAL
    if loader.approval_status != ApprovalStatus.APPROVED:
        return LeftOut.NOT_APPROVED
    return None if loader.enabled else LeftOut.DISABLED


def gaps_of(
    scanned: dict[str, ScannedLoader], user: User, since: datetime, now: datetime
) -> Iterator[LoaderGaps]:
    """The gaps that reach beyond `since`, loader by loader, with what else their plan needs."""
    in_hand = _ranges(BackfillJob.objects.active())
    failed = BackfillJob.objects.filter(origin=ORIGIN, status=JobStatus.FAILED, ended_at__gt=since)
    tried = _ranges(failed)
    found: dict[str, list[tuple[Window, CoverageState]]] = defaultdict(list)
    gaps = reachable(user, Gap.objects.filter(range_to__gt=since))
    columns = gaps.order_by().values_list("loader_id", "range_from", "range_to", "state")
    for loader_code, first, last, state in columns.iterator():
        found[str(loader_code)].append((Window(_utc(first), _utc(last)), CoverageState(state)))
    for code in sorted(found):
        one = scanned[code]
        yield LoaderGaps(
            code,
            found[code],
            one.left_out,
            source_keeps_since(one.loader, now + _MARGIN),
            in_hand[code],
            tried[code],
        )


def seen_before(since: datetime) -> dict[str, list[Window]]:
    """Gaps that an event has told of since then, by loader."""
    told = LoaderEvent.objects.filter(kind=LoaderEvent.Kind.GAP_FOUND, at__gt=since)
    return _by_loader(told.values_list("loader_code", "window_from", "window_to"))


def _ranges(jobs: QuerySet[BackfillJob]) -> dict[str, list[Window]]:
    return _by_loader(jobs.values_list("loader_id", "from_time", "to_time"))


def _by_loader(ranges: Iterable[Any]) -> dict[str, list[Window]]:
    found: dict[str, list[Window]] = defaultdict(list)
    for code, first, last in ranges:
        found[code].append(Window(_utc(first), _utc(last)))
    return found


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
