"""What the preview of a backfill says, for its page and its command."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from backfill.services import Preview
from core.display import number_text, span_text
from core.shown_zone import in_shown_zone


def preview_facts(preview: Preview, write: Callable[[datetime, datetime], str]) -> dict[str, str]:
    """What would be done, for a page or in plain text, as `write` writes windows."""
    planned, cost = preview.planned, preview.estimate
    standing = number_text(preview.standing)
    span = None if cost.seconds is None else _span(cost.seconds)
    busy = None if cost.busy_seconds is None else _span(cost.busy_seconds)
    return {
        str(in_shown_zone("Range")): write(planned.window.start, planned.window.end),
        "Windows": number_text(planned.windows),
        str(in_shown_zone("First")): write(preview.first.start, preview.first.end),
        str(in_shown_zone("Last")): write(preview.last.start, preview.last.end),
        "Signals there now": f"more than {standing}" if preview.standing_is_more else standing,
        "Version": str(planned.version.number),
        "Estimated time": span or "Unknown: no run so far",
        "Expected signals": number_text(cost.rows),
        "Queries at the source": f"{cost.queries:,}, {cost.at_once} at once",
        "Its connections": f"{cost.at_once} of {cost.of_connections}",
        "Busy for": busy or "Unknown",
    }


def _span(seconds: int) -> str:
    return span_text(timedelta(seconds=seconds))


def preview_notices(preview: Preview) -> list[str]:
    """What somebody should know before they submit it."""
    notices = []
    if preview.equal_job:
        notices.append("A backfill over this very range is active already.")
    if preview.overlapping_jobs:
        count = len(preview.overlapping_jobs)
        notices.append(
            f"{count} active backfill(s) of the loader overlap it: what both load is "
            "loaded twice, never at once."
        )
    if preview.needs_approval:
        notices.append("It is large: a second person must approve it.")
    return notices
