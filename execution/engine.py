"""One run: claim, extract, write, commit - or fail and say why (spec 6).

`run` is the run boundary: whatever happens inside, the lock is released and the history tells.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from core.errors import PortalError
from core.log_setup import logging_at
from core.window import Window
from execution.capture.opening import RunCapture, capture_of
from execution.connecting import connect, timeout_seconds
from execution.exceptions import (
    ControlDatabaseError,
    LockLostError,
    RowCapExceededError,
    SourceClockBehindError,
    UnexpectedError,
)
from execution.heartbeat import Heartbeat
from execution.models import LoaderExecutionLock, Trigger
from execution.phases import Phases
from execution.recount.task import run_recount
from execution.services.claim import Claimed, prepare, take
from execution.services.commit import commit
from execution.services.dispatch import time_plan
from execution.services.failure import Failure, record_failure
from execution.statement import stamp_parser, statement_of
from execution.trials.task import run_trial
from execution.watermark import reread_until
from execution.windows import shrink, split
from loaders.connectors.base import SourceConnection
from signals.outputs import output_to_restore, settle
from signals.partitions import ensure_partitions
from signals.rollups import rebuild_inner
from signals.rows import Row, RowEncoder, check_columns
from signals.segments import CombinationRegistry
from signals.writer import Purged, Written, purge, put_back, write

logger = structlog.get_logger(__name__)

_LOOKS = {Trigger.DRY_RUN: run_trial, Trigger.RECOUNT: run_recount}
"""What is done where nothing is loaded."""


def run(lock_id: UUID) -> None:
    """Load the lock's window. Never raises: a failure is recorded with the execution; where even
    that is not possible, or the claim itself failed, lease and reaper take over."""
    try:
        lock = take(lock_id)
    except DatabaseError:
        logger.warning("run.not_taken", lock_id=str(lock_id))
        connection.close_if_unusable_or_obsolete()
        return
    if lock is not None:
        _run_taken(lock)


def _run_taken(lock: LoaderExecutionLock) -> None:
    """The run boundary."""
    try:
        with Heartbeat(lock) as heartbeat:
            _load_or_say_why(lock, heartbeat)
    except LockLostError:
        logger.warning("run.lock_lost", **_names(lock))
    except PortalError as error:
        _fail(lock, Failure.of(error, stack_trace=traceback.format_exc()))
    except DatabaseError:
        away = ControlDatabaseError("The portal's own database failed; the run is tried again.")
        _fail(lock, Failure.of(away, stack_trace=traceback.format_exc()))
    except Exception:  # noqa: BLE001 - the run boundary
        defect = UnexpectedError("The portal failed unexpectedly; its operators see the trace.")
        _fail(lock, Failure.of(defect, stack_trace=traceback.format_exc()))


def _fail(lock: LoaderExecutionLock, failure: Failure) -> None:
    logger.warning("run.failed", error_code=failure.code, **_names(lock))
    connection.close_if_unusable_or_obsolete()
    try:
        record_failure(lock.pk, failure)
    except DatabaseError:
        logger.warning("run.failure_not_recorded", error_code=failure.code, **_names(lock))
        connection.close_if_unusable_or_obsolete()


def _names(lock: LoaderExecutionLock) -> dict[str, str]:
    return {"loader_code": str(lock.loader_id), "execution_id": str(lock.load_history_id)}


def _load_or_say_why(lock: LoaderExecutionLock, heartbeat: Heartbeat) -> None:
    """Load, or try; what the heartbeat brought about is raised as the heartbeat's reason."""
    try:
        looks = _LOOKS.get(Trigger(lock.load_history.trigger))
        if looks is not None:
            looks(lock, heartbeat)
            return
        claimed = prepare(lock)
        with logging_at(claimed.log_level):
            _load(claimed, heartbeat)
    except (PortalError, DatabaseError):
        if heartbeat.reason is not None:
            raise heartbeat.reason from None
        raise


def _load(claimed: Claimed, heartbeat: Heartbeat) -> None:
    """Load the window from its source, or from the output version that is to be restored."""
    heartbeat.limit(timeout_seconds(claimed.settings))
    if claimed.output_version is None:
        window, written = _load_within_cap(claimed, heartbeat)
    else:
        window, written = claimed.window, _restore(claimed, claimed.output_version)
    logger.info(
        "run.finished",
        loader_code=claimed.loader_code,
        execution_id=str(claimed.history_id),
        source=claimed.profile.db_code,
        window_from=window.start.isoformat(),
        window_to=window.end.isoformat(),
        records_loaded=written.loaded,
    )


def _load_within_cap(claimed: Claimed, heartbeat: Heartbeat) -> tuple[Window, Written]:
    """Load the window, or the first part of it that keeps within the row cap."""
    asked = claimed.window
    while True:
        try:
            return _load_part(claimed, asked, heartbeat)
        except RowCapExceededError:
            asked, rest = split(asked, claimed.settings.grain)
            if rest is None:
                raise
            logger.info("run.halved", loader_code=claimed.loader_code, window_to=str(asked.end))


def _load_part(claimed: Claimed, asked: Window, heartbeat: Heartbeat) -> tuple[Window, Written]:
    """Load what of `asked`, the claimed window or a part of it, is closed at the source."""
    phases = Phases()
    with connect(claimed) as source:
        heartbeat.interrupts(source.cancel)
        window = _closed_window(claimed, asked, source)
        ensure_partitions(window)
        phases.ends("connect")
        logger.debug("run.connected", loader_code=claimed.loader_code, window_to=str(window.end))
        with capture_of(claimed, window) as capture, _transaction():
            written = _transfer(
                claimed, window, source, phases, capture=capture, counting=heartbeat.counting
            )
            captured = capture.complete()
            if captured is not None:
                phases.ends("capture")
            commit(
                claimed,
                window,
                written,
                is_cut=asked != claimed.window,
                phases=phases.milliseconds,
                capture=captured,
            )
            capture.hand_over()
    return window, written


def _restore(claimed: Claimed, version_id: UUID) -> Written:
    """Put an output version in the place of what stands in its window, which becomes a version in
    turn. The source is not asked."""
    phases = Phases()
    version = output_to_restore(version_id)
    ensure_partitions(claimed.window)
    phases.ends("connect")
    with _transaction():
        purged = _purge(claimed, claimed.window, phases)
        written = put_back(version, load_history_id=claimed.history_id, purged=purged.rows)
        phases.ends("load")
        _settle(claimed, claimed.window, purged, phases)
        _roll_up(claimed, claimed.window, written, phases)
        commit(claimed, claimed.window, written, phases=phases.milliseconds)
    return written


def _closed_window(claimed: Claimed, asked: Window, source: SourceConnection) -> Window:
    """The part of the window that is closed by the source's clock too (spec 5)."""
    window = shrink(asked, time_plan(claimed.settings), source.server_clock())
    if window is None:
        raise SourceClockBehindError(
            "The source's clock is behind the portal's: nothing of the window is closed there yet."
        )
    return window


@contextmanager
def _transaction() -> Iterator[None]:
    """The one transaction of a run. It waits on the source, whose own timeouts bound it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def _transfer(
    claimed: Claimed,
    window: Window,
    source: SourceConnection,
    phases: Phases,
    *,
    capture: RunCapture,
    counting: Callable[[Iterable[list[Row]]], Iterator[list[Row]]],
) -> Written:
    """Purge, stream and write. The purge goes first: a source whose reader is silent for long
    gives up."""
    governed = claimed.settings
    statement = statement_of(governed, window, source.quote)
    purged = _purge(claimed, window, phases)
    with (
        closing(CombinationRegistry(claimed.loader_code)) as registry,
        source.stream(statement) as rows,
    ):
        encoder = RowEncoder(
            loader_code=claimed.loader_code,
            load_history_id=claimed.history_id,
            window=window,
            has_value_count=check_columns(rows.columns),
            parse=stamp_parser(governed),
            registry=registry,
        )
        written = write(
            batches=capture.tee(rows.columns, counting(_within_cap(rows, governed.row_cap))),
            encoder=encoder,
            registry=registry,
            strategy=claimed.purge_strategy,
            purged=purged.rows,
        )
    phases.ends("load")
    _settle(claimed, window, purged, phases)
    _roll_up(claimed, window, written, phases)
    return written


def _purge(claimed: Claimed, window: Window, phases: Phases) -> Purged:
    purged = purge(
        loader_code=claimed.loader_code,
        window=window,
        strategy=claimed.purge_strategy,
        reread_until=reread_until(window, claimed.watermark),
    )
    phases.ends("purge")
    return purged


def _settle(claimed: Claimed, window: Window, purged: Purged, phases: Phases) -> None:
    """Make a version of what the purge set aside, if the run brought something else."""
    if purged.kept is None:
        return
    settle(
        purged.kept,
        loader_code=claimed.loader_code,
        window=window,
        load_history_id=claimed.history_id,
    )
    phases.ends("compare")


def _roll_up(claimed: Claimed, window: Window, written: Written, phases: Phases) -> None:
    """Total up the quarters of an hour that are the run's own, before the commit locks anything."""
    if written.changed:
        rebuild_inner(loader_code=claimed.loader_code, window=window)
        phases.ends("rollup")


def _within_cap(batches: Iterable[list[Row]], cap: int | None) -> Iterator[list[Row]]:
    """The batches, as long as they keep within the cap. Raises RowCapExceededError."""
    rows = 0
    for batch in batches:
        rows += len(batch)
        if cap is not None and rows > cap:
            raise RowCapExceededError(
                f"One grain of the loader brings more than its limit of {cap} rows. Raise the "
                "limit, or group by less."
            )
        yield batch
