"""The end of a run's transaction: watermark, coverage, event, history, and the lock last.

Called inside the transaction that wrote the signals. The rows of state, coverage, history and
lock are locked only here, in that order, so that heartbeat and cancel never wait (spec 6.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from audit.models import LoaderEvent
from audit.services import emit
from core.clock import database_now
from core.window import Window
from execution.coverage import Outcome
from execution.exceptions import LockLostError, WatermarkMovedError
from execution.hints import hint_cycle
from execution.models import LoadHistory, RunStatus
from execution.retry import next_due_after_success
from execution.services.breakers import note_success
from execution.services.claim import Claimed
from execution.services.coverage import update_coverage
from execution.services.dispatch import time_plan
from execution.services.release import release_after_load
from execution.watermark import advance
from execution.windows import is_still_behind
from loaders.models import Loader, LoaderState, LoadStatus
from loaders.policies import PurgeStrategy
from signals.rollups import rebuild_edges
from signals.writer import Written


def commit(
    claimed: Claimed,
    window: Window,
    written: Written,
    *,
    is_cut: bool = False,
    phases: Mapping[str, int] | None = None,
    capture: Mapping[str, str | int] | None = None,
) -> None:
    """Make the run count: all of it, or nothing. `is_cut` says that the window is only a part of
    the one that was asked for; `phases` are milliseconds; `capture` tells where the run's raw
    rows will stand. Raises LockLostError, RunCancelledError and WatermarkMovedError, upon which the
    caller rolls back everything the run wrote."""
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=claimed.loader_id)
    if claimed.is_live:
        _advance(state, claimed, window, written, is_cut=is_cut)
    state.data_version += 1
    state.save()
    if written.changed:
        rebuild_edges(loader_code=claimed.loader_code, window=window)
    if claimed.output_version is None:
        note_success(claimed.source_id)
    update_coverage(
        loader_code=claimed.loader_code,
        window=window,
        outcome=_outcome(claimed, written),
        load_history_id=claimed.history_id,
        rec_count=written.loaded,
        purged=written.purged,
        cleared=claimed.purge_strategy != PurgeStrategy.SKIP_DUPLICATES,
    )
    emit(
        kind=LoaderEvent.Kind.RUN_FINISHED,
        loader_code=claimed.loader_code,
        execution_id=claimed.history_id,
        window=window,
        details={"recordsLoaded": written.loaded, "recordsPurged": written.purged},
    )
    finished = LoadHistory.objects.filter(pk=claimed.history_id, status=RunStatus.RUNNING).update(
        status=RunStatus.PARTIAL if is_cut else RunStatus.SUCCESS,
        end_time=database_now(),
        query_to_time=window.end,
        actual_from_time=written.least,
        actual_to_time=written.greatest,
        records_read=written.read,
        records_loaded=written.loaded,
        records_skipped=written.read - written.loaded,
        records_purged=written.purged,
        metadata={
            **claimed.metadata,
            "phases": dict(phases or {}),
            **({"capture": dict(capture)} if capture else {}),
        },
        bytes_written=written.bytes,
    )
    if not finished:
        raise LockLostError("The run was ended by somebody else; nothing was written.")
    hint_cycle()
    release_after_load(claimed.lock_id)


def _outcome(claimed: Claimed, written: Written) -> Outcome:
    """What the run says about its window. A backfill asks again on purpose, so its word that there
    are no rows counts as the second (spec 9)."""
    if written.read:
        return Outcome.ROWS
    asked_again = not claimed.is_live and claimed.output_version is None
    return Outcome.NO_ROWS_CONFIRMED if asked_again else Outcome.NO_ROWS


def _advance(
    state: LoaderState, claimed: Claimed, window: Window, written: Written, *, is_cut: bool
) -> None:
    """Move the watermark forward and say when the loader is due again."""
    if state.last_load_timestamp != claimed.watermark:
        raise WatermarkMovedError("The watermark was moved while the run was under way.")
    governed = claimed.settings
    now = database_now()
    state.last_load_timestamp = advance(
        governed.watermark_policy, window, written.greatest, state.last_load_timestamp
    )
    min_interval = Loader.objects.values_list("min_interval_seconds", flat=True).get(
        pk=claimed.loader_id
    )
    state.next_due_at = next_due_after_success(
        state.last_attempt_at or now,
        timedelta(seconds=min_interval),
        still_behind=is_cut
        or is_still_behind(time_plan(governed), window, state.last_load_timestamp, now),
    )
    state.load_status = LoadStatus.IDLE
    state.last_success_timestamp = now
    state.consecutive_failures = 0
