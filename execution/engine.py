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
from core.window import Window
from execution.exceptions import (
    ControlDatabaseError,
    LockLostError,
    RunCancelledError,
    UnexpectedError,
)
from execution.heartbeat import Heartbeat
from execution.services.claim import Claimed, claim
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
    """Load the lock's window. Never raises: a failure is recorded with the execution."""
    try:
        claimed = claim(lock_id)
        if claimed is None:
            return
        _load(claimed)
    except LockLostError:
        logger.warning("run.lock_lost", lock_id=str(lock_id))
    except PortalError as error:
        _fail(lock_id, Failure.of(error, stack_trace=traceback.format_exc()))
    except DatabaseError:
        away = ControlDatabaseError("The portal's own database failed; the run is tried again.")
        _fail(lock_id, Failure.of(away, stack_trace=traceback.format_exc()))
    except Exception:  # noqa: BLE001 - the run boundary
        defect = UnexpectedError("The portal failed unexpectedly; its operators see the trace.")
        _fail(lock_id, Failure.of(defect, stack_trace=traceback.format_exc()))


def _fail(lock_id: UUID, failure: Failure) -> None:
    logger.warning("run.failed", lock_id=str(lock_id), error_code=failure.code)
    if not connection.is_usable():
        connection.close()
    record_failure(lock_id, failure)


def _load(claimed: Claimed) -> None:
    timeout = _timeout_seconds(claimed.settings)
    with _connect(claimed, timeout) as source:
        window = _closed_window(claimed, source)
        ensure_partitions(window)
        heartbeat = Heartbeat(claimed.lock_id, timeout, source.cancel)
        try:
            with heartbeat:
                written = _transfer(claimed, window, source)
        except (PortalError, DatabaseError):
            if heartbeat.reason is not None:
                raise heartbeat.reason from None
            raise
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
        raise RunCancelledError(
            "The source's clock is behind the portal's: nothing of the window is closed there yet."
        )
    return window


def _transfer(claimed: Claimed, window: Window, source: SourceConnection) -> Written:
    """Stream, write and commit in one transaction."""
    governed = claimed.settings
    registry = CombinationRegistry()
    try:
        with (
            transaction.atomic(),
            source.stream(statement_of(governed, window, source.quote)) as rows,
        ):
            _let_source_take_its_time()
            purged = purge(
                loader_code=claimed.loader_code,
                window=window,
                strategy=governed.purge_strategy,
                reread_until=reread_until(governed.watermark_policy, window, claimed.watermark),
            )
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
