"""The worst state of many slices of loaders' time, summed up by the database (spec 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection

from core.window import Window
from execution.condensing import WORST_FIRST
from execution.coverage import CoverageState

_RANKS = [state.value for state in WORST_FIRST]

# A row with rank null at each loader's end shows the hole before it.
_WORST = """
WITH asked AS (
    SELECT * FROM unnest(%(codes)s::text[], %(firsts)s::timestamptz[], %(ends)s::timestamptz[],
                         %(settled)s::timestamptz[]) AS a (code, first, until, settled)
), known AS (
    SELECT a.code, a.first, a.settled, greatest(c.range_from, a.first) AS f,
           least(c.range_to, a.until) AS t,
           array_position(%(ranks)s::text[], c.state::text) AS rank
    FROM asked a JOIN coverage c ON c.loader_code = a.code
    WHERE c.range_from < a.until AND c.range_to > a.first
    UNION ALL SELECT code, first, settled, until, until, NULL FROM asked
), line AS (
    SELECT *, lag(t, 1, first) OVER (PARTITION BY code ORDER BY f, rank) AS before FROM known
), part AS (
    SELECT code, f, t, rank FROM line WHERE rank IS NOT NULL
    UNION ALL
    SELECT code, before, least(f, settled), %(missing)s FROM line WHERE before < least(f, settled)
    UNION ALL
    SELECT code, greatest(before, settled), f, %(pending)s FROM line
    WHERE greatest(before, settled) < f
), placed AS (
    SELECT code, rank, generate_series(
        width_bucket(f, %(bounds)s::timestamptz[]),
        width_bucket(t - interval '1 microsecond', %(bounds)s::timestamptz[])
    ) AS number FROM part
)
SELECT code, number, min(rank) FROM placed GROUP BY code, number
"""


def worst_states(
    lines: Mapping[str, tuple[Window, datetime | None]], slices: Sequence[Window]
) -> dict[str, dict[int, CoverageState]]:
    """By loader code and number of the slice, from 0, the worst state in it; slices that hold
    nothing of a loader's line are left out. `lines` are the loaders' time lines, or parts of them,
    each with its watermark on a grain; slices follow one another without a hole, aware UTC."""
    bounds = [window.start for window in slices]
    first, last = slices[0].start, slices[-1].end
    asked = [
        (code, max(line.start, first), min(line.end, last), settled)
        for code, (line, settled) in lines.items()
        if line.overlaps(Window(first, last))
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _WORST,
            {
                "codes": [code for code, *_ in asked],
                "firsts": [start for _, start, *_ in asked],
                "ends": [end for *_, end, _ in asked],
                "settled": [settled or first for *_, settled in asked],
                "bounds": bounds,
                "ranks": _RANKS,
                "missing": _RANKS.index(CoverageState.MISSING) + 1,
                "pending": _RANKS.index(CoverageState.PENDING) + 1,
            },
        )
        rows: list[tuple[str, int, int]] = cursor.fetchall()
    found: dict[str, dict[int, CoverageState]] = {code: {} for code in lines}
    for code, number, rank in rows:
        found[code][number - 1] = WORST_FIRST[rank - 1]
    return found
