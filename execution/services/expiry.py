"""Stretches that can't be loaded any more, or whose signals retention took (spec 9 "expired")."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from core.clock import database_now
from execution.coverage import expire, give_up
from execution.models import Gap
from execution.services.coverage import locked_coverage, replace_coverage
from execution.services.time_line import grain_of, time_line_of
from loaders.models import Loader, LoaderState


def source_keeps_since(loader: Loader, now: datetime) -> datetime | None:
    """Since when the loader's source still has all data, on a grain; None where it keeps it for
    ever, or does not say."""
    source = loader.source_database
    if source is None or source.retention_days is None:
        return None
    return grain_of(loader).ceil(now - timedelta(days=source.retention_days))


@transaction.atomic
def expire_signals(*, loader: Loader, until: datetime, purged: int) -> None:
    """For the retention of signals, in the transaction that removed them: what of the loader's line
    lies before `until` (aware UTC) is expired, whatever it was. `purged` is how many signals went.
    """
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    line = time_line_of(loader, state, database_now())
    gone = None if line is None else line.cut(None, until)
    if gone is not None:
        stored, present = locked_coverage(loader.loader_code, gone)
        replace_coverage(loader.loader_code, stored, expire(present, gone, purged=purged))


def expire_gaps() -> int:
    """Expire gaps of all loaders that lie before what their source still has, each loader in a
    short transaction; returns how many loaders had some. What is loaded stays loaded."""
    now = database_now()
    count = 0
    loaders = Loader.objects.filter(
        archived_at=None, source_database__retention_days__isnull=False
    ).select_related("source_database")
    for loader in loaders.iterator():
        since = source_keeps_since(loader, now)
        if since is not None and Gap.objects.filter(loader=loader, range_from__lt=since).exists():
            count += _expire_gaps_of(loader, since)
    return count


@transaction.atomic
def _expire_gaps_of(loader: Loader, since: datetime) -> int:
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    line = time_line_of(loader, state, database_now())
    if line is None or line.settled_until is None:
        return 0
    gone = line.cut(None, min(since, line.settled_until))
    if gone is None:
        return 0
    stored, present = locked_coverage(loader.loader_code, gone)
    becomes = give_up(present, gone)
    if becomes == present:
        return 0
    replace_coverage(loader.loader_code, stored, becomes)
    return 1
