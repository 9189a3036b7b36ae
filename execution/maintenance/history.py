"""Retention of executions: those past their days go, with their re-counts (spec 12).

Of each loader the oldest go first, and none that another row still needs is skipped over: whoever
reads a loader's history may rely on its being whole since its oldest execution
(`services.run_record.Reach`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from core.clock import database_now
from core.retention import Tell, silently
from execution.models import LoaderExecutionLock, LoadHistory, Recount, RecountState, RunStatus

BATCH = 500
_OPEN = (RecountState.FOUND, RecountState.WAITS)

Need = Callable[[datetime], set[str]]
"""Given an instant: codes of loaders that have an execution from before it which is needed."""

_needs: list[Need] = []


def register_need(need: Need) -> None:
    """For apps above this one: keep the executions of loaders that are named, until they are not.
    Called when Django starts."""
    _needs.append(need)


def count_old_executions() -> int:
    """How many executions are past their retention and not needed."""
    found = _old_executions()
    return 0 if found is None else found.count()


def delete_old_executions(tell: Tell = silently) -> int:
    """Delete executions that began longer than `HISTORY_RETENTION` ago and have ended, in batches;
    returns how many. A re-count that waits for a person stays, and so does its execution."""
    found = _old_executions()
    if found is None:
        return 0
    deleted = 0
    while (batch := _delete_batch(found)) is not None:
        deleted += batch
        tell(batch)
    return deleted


def _old_executions() -> QuerySet[LoadHistory] | None:
    """Those that may go; None where they are kept for ever."""
    if not settings.HISTORY_RETENTION:
        return None
    before = database_now() - settings.HISTORY_RETENTION
    locks = LoaderExecutionLock.objects.filter(load_history__start_time__lt=before)
    held = {str(code) for code in locks.values_list("loader_id", flat=True)}
    for need in _needs:
        held |= need(before)
    return (
        LoadHistory.objects.filter(start_time__lt=before)
        .exclude(status=RunStatus.RUNNING)
        .exclude(loader_id__in=held)
        .exclude(recount__state__in=_OPEN)
    )


@transaction.atomic
def _delete_batch(found: QuerySet[LoadHistory]) -> int | None:
    """Delete the oldest ones; None if there are none. Somebody who deletes the same is waited for,
    and leaves nothing to do."""
    oldest = list(found.order_by("start_time").values_list("pk", flat=True)[:BATCH])
    if not oldest:
        return None
    rows = LoadHistory.objects.select_for_update().filter(pk__in=oldest).order_by("pk")
    ids = list(rows.values_list("pk", flat=True))
    Recount.objects.filter(load_history__in=ids).delete()
    LoadHistory.objects.filter(pk__in=ids).delete()
    return len(ids)
