"""One run: claim, extract, write, commit - or fail and say why (spec 6).

`run` is the run boundary: whatever happens inside, the lock is released and the history tells.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from core.errors import PortalError
from core.log_setup import logging_at
from core.window import Window
from execution.exceptions import (
    ControlDatabaseError,
    LockLostError,
    SourceClockBehindError,
    UnexpectedError,
)
from execution.heartbeat import Heartbeat
from execution.models import LoaderExecutionLock
from execution.services.claim import Claimed, prepare, take
from execution.services.commit import commit
from execution.services.dispatch import time_plan
from execution.services.failure import Failure, record_failure
from execution.watermark import reread_until
from execution.windows import shrink
from loaders.connectors import connector_for
from loaders.connectors.base import SourceConnection
from loaders.definition import RunSettings
from loaders.placeholders import bind
from loaders.source_time import parse_stamp, render
from loaders.sql_guard import executable_text
from signals.partitions import ensure_partitions
from signals.rows import RowEncoder, check_columns
from signals.segments import CombinationRegistry
from signals.writer import Written, purge, write

logger = structlog.get_logger(__name__)


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
    """Load; an error that the heartbeat brought about is raised as the heartbeat's reason."""
    try:
        claimed = prepare(lock)
        with logging_at(claimed.log_level):
            _load(claimed, heartbeat)
    except (PortalError, DatabaseError):
        if heartbeat.reason is not None:
            raise heartbeat.reason from None
        raise


def _load(claimed: Claimed, heartbeat: Heartbeat) -> None:
    timeout = _timeout_seconds(claimed.settings)
    heartbeat.limit(timeout)
    with _connect(claimed, timeout) as source:
        heartbeat.interrupts(source.cancel)
        window = _closed_window(claimed, source)
        logger.debug("run.connected", loader_code=claimed.loader_code, window_to=str(window.end))
        ensure_partitions(window)
        written = _transfer(claimed, window, source)
    logger.info(
        "run.finished",
        loader_code=claimed.loader_code,
        execution_id=str(claimed.history_id),
        source=claimed.profile.db_code,
        window_from=window.start.isoformat(),
        window_to=window.end.isoformat(),
        records_loaded=written.loaded,
    )


def _connect(claimed: Claimed, timeout: float) -> SourceConnection:
    return connector_for(claimed.profile.db_type).connect(
        claimed.profile,
        claimed.password(),
        statement_timeout_seconds=timeout,
        application_name=f"loaderportal {claimed.loader_code}",
    )


def _closed_window(claimed: Claimed, source: SourceConnection) -> Window:
    """The part of the window that is closed by the source's clock too (spec 5)."""
    window = shrink(claimed.window, time_plan(claimed.settings), source.server_clock())
    if window is None:
        raise SourceClockBehindError(
            "The source's clock is behind the portal's: nothing of the window is closed there yet."
        )
    return window


def _transfer(claimed: Claimed, window: Window, source: SourceConnection) -> Written:
    """Purge, stream, write and commit in one transaction. The purge goes first: a source whose
    reader is silent for long gives up."""
    governed = claimed.settings
    registry = CombinationRegistry()
    statement = statement_of(governed, window, source.quote)
    try:
        with transaction.atomic():
            _let_source_take_its_time()
            purged = purge(
                loader_code=claimed.loader_code,
                window=window,
                strategy=governed.purge_strategy,
                reread_until=reread_until(governed.watermark_policy, window, claimed.watermark),
            )
            with source.stream(statement) as rows:
                encoder = RowEncoder(
                    loader_code=claimed.loader_code,
                    load_history_id=claimed.history_id,
                    window=window,
                    has_value_count=check_columns(rows.columns),
                    parse=_stamp_parser(governed),
                    registry=registry,
                )
                written = write(
                    batches=rows,
                    encoder=encoder,
                    registry=registry,
                    strategy=governed.purge_strategy,
                    purged=purged,
                )
            commit(claimed, window, written)
    finally:
        registry.close()
    return written


def statement_of(governed: RunSettings, window: Window, quote: Callable[[str | int], str]) -> str:
    """The approved text with the window's bounds in place of the placeholders."""
    from_literal, to_literal = (
        quote(render(instant, governed.time_format, governed.zone))
        for instant in (window.start, window.end)
    )
    text = executable_text(governed.loader_sql, governed.db_type)
    return bind(text, governed.db_type, from_literal=from_literal, to_literal=to_literal)


def _stamp_parser(governed: RunSettings) -> Callable[[str], datetime]:
    return functools.partial(parse_stamp, fmt=governed.time_format, zone=governed.zone)


def _let_source_take_its_time() -> None:
    """This transaction waits on the source, whose own timeouts bound it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


def _timeout_seconds(governed: RunSettings) -> float:
    longest = settings.EXECUTION_TIMEOUT.total_seconds()
    return float(min(governed.execution_timeout_seconds or longest, longest))
