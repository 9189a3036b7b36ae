"""Output versions: a reload keeps what it replaces, unless its own rows are the same (spec 6).

All but the upkeep happens inside the run's transaction: what is kept rolls back with the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, QuerySet

from accounts.object_access import reachable
from accounts.roles import User
from core.clock import database_now
from core.window import Window
from signals.exceptions import OutputNotFoundError
from signals.models import COLUMNS, VALUES, OutputRow, OutputVersion

BATCH = 20_000
"""Rows of an expired version that are deleted at a time."""

_CONTENT = f"load_time_stamp, segment_code, {VALUES}"
_IN_WINDOW = "loader_code = %s AND load_time_stamp >= %s AND load_time_stamp < %s"
_SET_ASIDE = (
    f"WITH gone AS (DELETE FROM signals_history WHERE {_IN_WINDOW} RETURNING {COLUMNS}) "
    f"INSERT INTO output_row (version_id, {COLUMNS}) SELECT %s, {COLUMNS} FROM gone"
)
_COUNT = f"SELECT count(*) FROM signals_history WHERE {_IN_WINDOW}"
_LACKS = (
    f"SELECT EXISTS (SELECT {_CONTENT} FROM output_row "
    f"WHERE version_id = %s AND {_IN_WINDOW} "
    f"EXCEPT SELECT {_CONTENT} FROM signals_history WHERE {_IN_WINDOW})"
)


@dataclass(frozen=True)
class Kept:
    """Rows that a purge set aside: `rows` in all. Whether they become a version is decided by
    those in `compared`, `compared_rows` of them; what lies before is read again by design."""

    version_id: UUID
    rows: int
    compared: Window
    compared_rows: int


def last_stamp_of(version_id: UUID) -> datetime | None:
    """The greatest stamp among a version's rows, aware UTC."""
    rows = OutputRow.objects.filter(version_id=version_id)
    last: datetime | None = rows.aggregate(last=Max("load_time_stamp"))["last"]
    return last


def set_aside(version_id: UUID, loader_code: str, window: Window) -> int:
    """Move the loader's rows of the window out of the signals; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SET_ASIDE, [loader_code, window.start, window.end, version_id])
        return int(cursor.rowcount)


def settle(kept: Kept, *, loader_code: str, window: Window, load_history_id: UUID) -> bool:
    """Once the new rows stand: make a version of the old ones if the two differ in anything but
    the execution that loaded them, else drop them; whether it became a version."""
    if _is_same(kept, loader_code):
        _drop(kept.version_id)
        return False
    now = database_now()
    OutputVersion.objects.create(
        id=kept.version_id,
        loader_id=loader_code,
        window_from=window.start,
        window_to=window.end,
        replaced_at=now,
        replaced_by=load_history_id,
        rows=kept.rows,
        expires_at=now + settings.OUTPUT_RETENTION,
    )
    return True


def get_output(version_id: UUID, *, user: User) -> OutputVersion:
    """The version, if it has not expired, for somebody who reaches its loader. Raises
    OutputNotFoundError."""
    return _find(version_id, reachable(user, OutputVersion.objects.standing(database_now())))


def output_to_restore(version_id: UUID) -> OutputVersion:
    """The version for a restore that was asked for while it stood: it may have expired since, but
    is not deleted yet. Raises OutputNotFoundError."""
    return _find(version_id, OutputVersion.objects.all())


def _find(version_id: UUID, versions: QuerySet[OutputVersion]) -> OutputVersion:
    version = versions.filter(pk=version_id).first()
    if version is None:
        raise OutputNotFoundError(f"There is no output version {version_id}, or it has expired.")
    return version


def delete_expired_outputs() -> int:
    """Delete versions that have expired, in batches that commit each on their own; returns how
    many. They stay for as long as any run may take: a restore that was asked for in time finds
    its rows."""
    deleted = 0
    for version_id in list(_long_expired().values_list("pk", flat=True)):
        while _drop(version_id, BATCH):
            pass
        deleted += 1
    return deleted


def count_expired_outputs() -> int:
    """How many it would delete."""
    return _long_expired().count()


def _long_expired() -> QuerySet[OutputVersion]:
    long_ago = database_now() - settings.STALE_LOCK_AGE
    return OutputVersion.objects.filter(expires_at__lt=long_ago)


def _is_same(kept: Kept, loader_code: str) -> bool:
    """Keys are unique on both sides: as many rows, each of which stands there again, are all."""
    compared: list[Any] = [loader_code, kept.compared.start, kept.compared.end]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, compared)
        if cursor.fetchone()[0] != kept.compared_rows:
            return False
        # The planner knows nothing of rows that this transaction wrote: it takes them for few and
        # would hash them all in memory. Sorted, any number of them needs no more than work_mem.
        cursor.execute("SET LOCAL enable_hashagg = off")
        cursor.execute(_LACKS, [kept.version_id, *compared, *compared])
        lacks: bool = cursor.fetchone()[0]
        cursor.execute("SET LOCAL enable_hashagg TO DEFAULT")
        return not lacks


def _drop(version_id: UUID, most: int | None = None) -> int:
    """Drop rows of a version that was never made, or has expired, and the version after its last
    row; returns how many rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT signals.drop_output(%s, %s)", [version_id, most])
        return int(cursor.fetchone()[0])
