"""A worker's part in a re-count: ask the source for the window again, and compare. Nothing is
written but the comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from core.clock import database_now
from core.log_setup import logging_at
from core.window import Window
from execution.connecting import connect, timeout_seconds
from execution.coverage import CoverageState
from execution.heartbeat import Heartbeat
from execution.models import (
    CoverageInterval,
    LoaderExecutionLock,
    LoadHistory,
    Recount,
    RecountState,
    RunStatus,
)
from execution.models.recount import MOST_DIFFERENCES
from execution.recount.counting import Difference, GrainCounter, by_grain, differences
from execution.services.breakers import note_success
from execution.services.claim import Claimed, prepare
from execution.services.release import release_after_load
from execution.statement import stamp_parser, statement_of
from signals.models import SignalsHistory
from signals.rows import check_columns

_CHUNK = 5000
_ASKED = (CoverageState.LOADED, CoverageState.EMPTY, CoverageState.UNVERIFIED)
_GIVEN_UP = (CoverageState.WAIVED, CoverageState.EXPIRED)
"""What a person or a retention decided not to have: a re-count does not bring it back."""


def run_recount(lock: LoaderExecutionLock, heartbeat: Heartbeat) -> None:
    """Re-count the window of a lock that was just taken, by the text that is approved. The lock
    keeps every run of the loader off the window meanwhile, so both sides stand still. Raises what a
    run raises."""
    claimed = prepare(lock)
    heartbeat.limit(timeout_seconds(claimed.settings))
    with logging_at(claimed.log_level):
        counter = _ask(claimed, heartbeat)
        loaded = by_grain(
            loaded_counts(claimed.loader_code, claimed.window), claimed.settings.grain
        )
        found = differences(loaded, counter.by_grain)
        given_up = _stretches(claimed, _GIVEN_UP)
        _record(claimed, counter, [one for one in found if not _lies_in(one, given_up)])


def _ask(claimed: Claimed, heartbeat: Heartbeat) -> GrainCounter:
    governed, window = claimed.settings, claimed.window
    counter = GrainCounter(window, governed.grain, stamp_parser(governed))
    with connect(claimed) as source:
        heartbeat.interrupts(source.cancel)
        with source.stream(statement_of(governed, window, source.quote)) as rows:
            check_columns(rows.columns)
            for batch in rows:
                counter.take(batch)
    return counter


def loaded_counts(loader_code: str, window: Window) -> Iterator[tuple[datetime, int]]:
    """Records loaded, by stamp, in the order of time; streamed, since there may be millions."""
    signals = SignalsHistory.objects.filter(
        loader_code=loader_code,
        load_time_stamp__gte=window.start,
        load_time_stamp__lt=window.end,
    )
    counts = signals.values_list("load_time_stamp").annotate(Sum("rec_count"))
    for at, count in counts.order_by("load_time_stamp").iterator(chunk_size=_CHUNK):
        yield at, int(count or 0)


def _stretches(claimed: Claimed, states: Sequence[CoverageState]) -> list[Window]:
    """The stretches of the window in one of the states."""
    rows = CoverageInterval.objects.filter(
        loader_id=claimed.loader_code,
        range_from__lt=claimed.window.end,
        range_to__gt=claimed.window.start,
        state__in=states,
    )
    return [Window(*bounds) for bounds in rows.values_list("range_from", "range_to")]


def _lies_in(one: Difference, stretches: Sequence[Window]) -> bool:
    return any(stretch.contains(one.at) for stretch in stretches)


def _late(claimed: Claimed, found: Sequence[Difference]) -> int:
    """Records that came since their grain was loaded. What nobody loaded yet came in time, for all
    that is known: it tells nothing about lateness."""
    asked = _stretches(claimed, _ASKED)
    return sum(max(one.found - one.loaded, 0) for one in found if _lies_in(one, asked))


@transaction.atomic
def _record(claimed: Claimed, counter: GrainCounter, found: Sequence[Difference]) -> None:
    """The comparison, the execution's end and, as the last statement, the lock."""
    now = database_now()
    note_success(claimed.source_id)
    Recount.objects.create(
        loader_id=claimed.loader_code,
        load_history_id=claimed.history_id,
        state=_state_of(found),
        age_seconds=int((now - claimed.window.end).total_seconds()),
        found_records=sum(counter.by_grain.values()),
        late_records=_late(claimed, found),
        lost_records=sum(max(one.loaded - one.found, 0) for one in found),
        is_cut=len(found) > MOST_DIFFERENCES,
        grains=[(one.at.isoformat(), one.loaded, one.found) for one in found[:MOST_DIFFERENCES]],
    )
    history = LoadHistory.objects.select_for_update(no_key=True).get(pk=claimed.history_id)
    if history.status == RunStatus.RUNNING:
        history.status = RunStatus.SUCCESS
        history.end_time = now
        history.records_read = counter.rows
        history.save()
    release_after_load(claimed.lock_id)


def _state_of(found: Sequence[Difference]) -> RecountState:
    """A reload that would lower the count of a grain waits for a person (spec 9)."""
    if not found:
        return RecountState.SAME
    if any(one.found < one.loaded for one in found):
        return RecountState.WAITS
    return RecountState.FOUND
