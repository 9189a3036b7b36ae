"""Where a live run leaves the watermark, and what it may replace because of it (spec 5)."""

from __future__ import annotations

from datetime import datetime

from core.window import Window
from loaders.policies import WatermarkPolicy


def advance(
    policy: WatermarkPolicy,
    window: Window,
    greatest_stamp: datetime | None,
    watermark: datetime | None,
) -> datetime:
    """The watermark after a live run committed `window`, planned from it: always a later one.

    WINDOW_END: the window's end. MAX_TIMESTAMP: the greatest LOAD_TIME_STAMP, but the window's
    end when there was no row, or none later than what was known: the window's start or, when the
    old watermark lies inside its grain, that. (Compared with the start alone, a watermark off the
    grain would find its own row for ever, and the loader stand still at the next quiet stretch.)

    Never moves backward. `greatest_stamp` is None when no row came; ValueError when it lies
    outside the window. All instants are aware UTC.
    """
    if greatest_stamp is not None and not window.contains(greatest_stamp):
        raise ValueError("the greatest stamp of a run lies in its window")
    known = window.start if watermark is None else max(window.start, watermark)
    reached = window.end
    if (
        policy is WatermarkPolicy.MAX_TIMESTAMP
        and greatest_stamp is not None
        and greatest_stamp > known
    ):
        reached = greatest_stamp
    return max(reached, known)


def reread_until(window: Window, watermark: datetime | None) -> datetime | None:
    """The last instant (inclusive) of the live `window` that an earlier run may have read already.

    Rows of `[window.start, reread_until]` replace their predecessors under every purge strategy.
    None when nothing is read again: on the first run, and when the window starts after the
    watermark. `watermark` is the one before the run.

    Under MAX_TIMESTAMP the row *at* the watermark has been loaded. Under WINDOW_END only what lies
    before it; but the watermark may have been left by the other policy, and no backfill reaches
    beyond it, so that whatever stands at the watermark came from a live run. A window that ends at
    or before the watermark is no live window, but a backfill's: None, its own purge strategy
    decides.
    """
    if watermark is None or not window.contains(watermark):
        return None
    return watermark
