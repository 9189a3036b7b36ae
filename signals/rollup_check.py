"""Rollups that say something else than the signals (spec 8, 9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from core.window import Window
from signals.rollups import LARGEST_SUM, TOTALS, WIDTH, ceil, floor

NEAR = 1e-9
"""A total may be off by so much of what its values add up to without their signs: the last bits of
a sum depend on the order of its parts."""

MOST_JOINED = 1_000_000
"""Signals of a stretch of wrong buckets, beyond which another one begins: so many are added up anew
in about half a second."""

_PART = timedelta(days=31)
_NEARLY = {"sum_val": "", "counted_sum": "FILTER (WHERE value_count IS NOT NULL)"}
_EXACT = [name for name in TOTALS if name not in _NEARLY]


# Sums that are too large to be added up count for nothing: their total is infinite.
_SCALE = f"sum(CASE WHEN abs(sum_val) <= {LARGEST_SUM} THEN abs(sum_val) ELSE 0 END)"


def _differs(name: str) -> str:
    return (
        f"fresh.{name} IS DISTINCT FROM kept.{name} AND coalesce("
        f"abs(fresh.{name} - kept.{name}) > {NEAR} * fresh.{name}_scale, true)"
    )


_STALE = f"""
SELECT bucket_start, coalesce(kept.signals, 0), coalesce(fresh.signals, 0)
FROM (
    SELECT date_bin('15 minutes', load_time_stamp, TIMESTAMPTZ 'epoch') AS bucket_start,
           {", ".join(f"{_SCALE} {only} AS {name}_scale" for name, only in _NEARLY.items())},
           {", ".join(f"{how} AS {name}" for name, how in TOTALS.items())}
    FROM signals_history
    WHERE loader_code = %(code)s AND load_time_stamp >= %(start)s AND load_time_stamp < %(end)s
    GROUP BY 1
) AS fresh FULL JOIN (
    SELECT * FROM signals_rollup
    WHERE loader_code = %(code)s AND bucket_start >= %(start)s AND bucket_start < %(end)s
) AS kept USING (bucket_start)
WHERE ({", ".join(f"fresh.{name}" for name in _EXACT)})
      IS DISTINCT FROM ({", ".join(f"kept.{name}" for name in _EXACT)})
   OR {" OR ".join(_differs(name) for name in _NEARLY)}
ORDER BY 1
"""
_BOUNDS = """
SELECT least(min(signal), min(bucket)), greatest(max(signal), max(bucket)) FROM (
    SELECT min(load_time_stamp) AS signal, NULL::timestamptz AS bucket
    FROM signals_history WHERE loader_code = %(code)s
    UNION ALL SELECT max(load_time_stamp), NULL FROM signals_history WHERE loader_code = %(code)s
    UNION ALL SELECT NULL, min(bucket_start) FROM signals_rollup WHERE loader_code = %(code)s
    UNION ALL SELECT NULL, max(bucket_start) FROM signals_rollup WHERE loader_code = %(code)s
) AS ends
"""


@dataclass(frozen=True)
class Stale:
    """Buckets in a row whose totals are not those of the signals that stand in them: how many
    signals they tell, and how many stand."""

    window: Window
    told: int
    standing: int

    @property
    def has_room(self) -> bool:
        """Whether the next bucket may be joined to it."""
        return self.told + self.standing < MOST_JOINED


def stale_rollups(
    loader_code: str, start: datetime | None, end: datetime | None
) -> Iterator[Stale]:
    """The wrong buckets that touch the range (aware UTC; open ends reach as far as there are
    signals or rollups), in order, a month at a time. Signals and rollups are read by one
    statement: a commit changes both or none."""
    bounds = _bounds(loader_code)
    if bounds is None:
        return
    at = bounds.start if start is None else max(bounds.start, floor(start))
    last = bounds.end if end is None else min(bounds.end, ceil(end))
    while at < last:
        part = Window(at, min(at + _PART, last))
        yield from _joined(_stale_within(loader_code, part))
        at = part.end


def _bounds(loader_code: str) -> Window | None:
    with connection.cursor() as cursor:
        cursor.execute(_BOUNDS, {"code": loader_code})
        first, last = cursor.fetchone()
    return None if first is None else Window(floor(first), floor(last) + WIDTH)


def _stale_within(loader_code: str, part: Window) -> list[Stale]:
    with connection.cursor() as cursor:
        cursor.execute(_STALE, {"code": loader_code, "start": part.start, "end": part.end})
        rows = cursor.fetchall()
    return [Stale(Window(at, at + WIDTH), told, standing) for at, told, standing in rows]


def _joined(buckets: list[Stale]) -> Iterator[Stale]:
    """Neighbours as one."""
    whole: Stale | None = None
    for one in buckets:
        if whole is not None and whole.window.end == one.window.start and whole.has_room:
            whole = Stale(
                Window(whole.window.start, one.window.end),
                whole.told + one.told,
                whole.standing + one.standing,
            )
            continue
        if whole is not None:
            yield whole
        whole = one
    if whole is not None:
        yield whole
