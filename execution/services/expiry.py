"""Stretches that can't be loaded any more, or whose signals retention took (spec 9 "expired")."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from core.clock import database_now
from execution.coverage import CoverageState, expire, give_up
from execution.models import CoverageInterval, Gap
from execution.services.coverage import locked_coverage, replace_coverage
from execution.services.time_line import grain_of, time_line_of
from loaders.models import Loader, LoaderState

_STANDING = """
SELECT count(*) FROM coverage c JOIN signals_history s
    ON s.loader_code = c.loader_code AND s.load_time_stamp >= c.range_from
    AND s.load_time_stamp < least(c.range_to, %s)
WHERE c.loader_code = %s AND c.state = %s AND c.range_from < %s
"""


def source_keeps_since(loader: Loader, now: datetime) -> datetime | None:
    """Since when the loader's source still has all data, on a grain; None where it keeps it for
    ever, or does not say."""
    source = loader.source_database
    if source is None or source.retention_days is None:
        return None
    return grain_of(loader).ceil(now - timedelta(days=source.retention_days))


@transaction.atomic
def expire_signals(*, loader: Loader, until: datetime) -> bool:
    """For the retention of signals, before it removes them: what of the loader's line lies before
    `until` (aware UTC) is expired, but for what was found empty or waived; False if it is already.
    The grain that `until` lies in goes as a whole. What was answered about the loader's signals is
    answered anew from then on."""
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    line = time_line_of(loader, state, database_now())
    gone = None if line is None else line.cut(None, grain_of(loader).ceil(until))
    if gone is None:
        return False
    stored, present = locked_coverage(loader.loader_code, gone)
    becomes = expire(present, gone, purged=_standing(loader.loader_code, gone.end))
    if becomes == present:
        return False
    replace_coverage(loader.loader_code, stored, becomes)
    state.data_version += 1
    state.save(update_fields=["data_version"])
    return True


def is_loaded_before(until: datetime) -> bool:
    """Whether any loader has a loaded stretch that reaches before the instant (aware UTC)."""
    loaded = CoverageInterval.objects.filter(state=CoverageState.LOADED)
    return loaded.filter(range_from__lt=until).exists()


def _standing(loader_code: str, until: datetime) -> int:
    """How many signals stand in the loaded stretches before the instant."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [until, loader_code, CoverageState.LOADED, until])
        return int(cursor.fetchone()[0])


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
