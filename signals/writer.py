"""Writes the signals of one run inside the run's transaction: purge, COPY, counts (spec 6).

The caller holds the transaction; nothing here commits but the segment combinations, which do so
on a connection of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DataError, IntegrityError, connection

from core.ids import uuid7
from core.window import Window
from loaders.policies import PurgeStrategy
from signals.exceptions import (
    DuplicateDataError,
    DuplicateKeyError,
    OutputNotFoundError,
    RowRejectedError,
)
from signals.models import COLUMNS, VALUES, OutputVersion
from signals.outputs import Kept, set_aside
from signals.rows import Row, RowEncoder
from signals.segments import CombinationRegistry

_STAGING = "signals_staging"
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Written:
    """What a run wrote. `loaded` is smaller than `read` where existing rows stayed; `bytes` is
    None where no text was copied."""

    read: int
    loaded: int
    purged: int
    bytes: int | None
    least: datetime | None
    greatest: datetime | None

    @property
    def changed(self) -> bool:
        """Whether other signals stand now than before."""
        return bool(self.loaded or self.purged)


@dataclass(frozen=True)
class Purged:
    """How many rows a purge removed, and what it kept of them."""

    rows: int
    kept: Kept | None = None


def purge(
    *, loader_code: str, window: Window, strategy: PurgeStrategy, reread_until: datetime | None
) -> Purged:
    """Make room in the window as the strategy says.

    Rows in [window.start, reread_until] are read again by design and go under every strategy
    (spec 5, MAX_TIMESTAMP). What PURGE_AND_RELOAD finds beyond them is set aside, and with it the
    whole window; the caller settles that once the new rows stand. Raises DuplicateDataError
    saying how many rows stand in the rest.
    """
    reread, rest = _parts(window, reread_until)
    if strategy == PurgeStrategy.PURGE_AND_RELOAD and rest is not None:
        version_id = uuid7()
        if moved := set_aside(version_id, loader_code, rest):
            again = 0 if reread is None else set_aside(version_id, loader_code, reread)
            return Purged(moved + again, Kept(version_id, moved + again, rest, moved))
    removed = 0 if reread is None else _delete(loader_code, reread)
    if strategy == PurgeStrategy.FAIL_ON_DUPLICATE and rest is not None:
        standing = _count(loader_code, rest)
        if standing:
            raise DuplicateDataError(
                f"{standing} signals already stand in the window and the loader's strategy is "
                "FAIL_ON_DUPLICATE. Backfill the window with PURGE_AND_RELOAD to replace them.",
                details={"standing": standing},
            )
    return Purged(removed)


def _parts(window: Window, reread_until: datetime | None) -> tuple[Window | None, Window | None]:
    """The part of the window that is read again by design, and the rest."""
    if reread_until is None or reread_until < window.start:
        return None, window
    boundary = min(reread_until + _INSTANT, window.end)
    rest = Window(boundary, window.end) if boundary < window.end else None
    return Window(window.start, boundary), rest


def write(
    *,
    batches: Iterable[list[Row]],
    encoder: RowEncoder,
    registry: CombinationRegistry,
    strategy: PurgeStrategy,
    purged: int,
) -> Written:
    """Copy the rows into the signals table. Raises RowRejectedError and DuplicateKeyError; the
    caller rolls back."""
    table = "signals_history"
    if strategy == PurgeStrategy.SKIP_DUPLICATES:
        table = _make_staging()
    try:
        size = _copy(table, batches, encoder, registry)
    except IntegrityError:
        raise DuplicateKeyError(
            "The result holds the same LOAD_TIME_STAMP and segments more than once. Group by "
            "all of them."
        ) from None
    except DataError:
        raise RowRejectedError(
            "A value of the result does not fit a count or a double precision number."
        ) from None
    loaded = encoder.rows if table != _STAGING else _merge_staging()
    return Written(
        read=encoder.rows,
        loaded=loaded,
        purged=purged,
        bytes=size,
        least=encoder.least,
        greatest=encoder.greatest,
    )


def put_back(version: OutputVersion, *, load_history_id: UUID, purged: int) -> Written:
    """Copy the rows of an output version into the signals table, as rows of another execution.
    Raises OutputNotFoundError unless all of them are still there; the caller rolls back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH put AS (INSERT INTO signals_history ({COLUMNS}) "
            f"SELECT loader_code, load_time_stamp, segment_code, {VALUES}, %s "
            "FROM output_row WHERE version_id = %s RETURNING load_time_stamp) "
            "SELECT count(*), min(load_time_stamp), max(load_time_stamp) FROM put",
            [load_history_id, version.pk],
        )
        rows, least, greatest = cursor.fetchone()
    if rows != version.rows:
        raise OutputNotFoundError(f"Output version {version.pk} is no longer there in whole.")
    return Written(
        read=rows, loaded=rows, purged=purged, bytes=None, least=least, greatest=greatest
    )


def _copy(
    table: str, batches: Iterable[list[Row]], encoder: RowEncoder, registry: CombinationRegistry
) -> int:
    size = 0
    statement = f"COPY {table} ({COLUMNS}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for batch in batches:
            lines = encoder.encode(batch)
            registry.commit_new()
            copy.write(lines)
            size += len(lines)
    return size


def _make_staging() -> str:
    """A table of this transaction for rows that may already stand in the target."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE {_STAGING} (LIKE signals_history INCLUDING INDEXES) "
            "ON COMMIT DROP"
        )
    return _STAGING


def _merge_staging() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO signals_history ({COLUMNS}) SELECT {COLUMNS} FROM {_STAGING} "
            "ON CONFLICT (loader_code, load_time_stamp, segment_code) DO NOTHING"
        )
        return int(cursor.rowcount)


def _delete(loader_code: str, window: Window) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM signals_history WHERE loader_code = %s "
            "AND load_time_stamp >= %s AND load_time_stamp < %s",
            [loader_code, window.start, window.end],
        )
        return int(cursor.rowcount)


def _count(loader_code: str, window: Window) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM signals_history WHERE loader_code = %s "
            "AND load_time_stamp >= %s AND load_time_stamp < %s",
            [loader_code, window.start, window.end],
        )
        return int(cursor.fetchone()[0])
