"""The last 24 hours on the home page: runs and records by hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from accounts.object_access import reachable
from accounts.roles import User
from core.display import number_text
from execution.activity import Hour, by_hour
from execution.admin import started_in
from execution.models import LoadHistory
from loaderportal.home.cards import executions_address

_TICK = 6
"""Hours between the times below the bars."""


def day_context(user: User, now: datetime) -> dict[str, Any]:
    """Totals and bars. The executions are those that the person reaches, of every kind."""
    hours = by_hour(reachable(user, LoadHistory.objects.all()), now)
    runs, failed, records = (
        sum(getattr(hour, name) for hour in hours) for name in ("runs", "failed", "records")
    )
    most_runs = max(hour.runs for hour in hours)
    most_records = max(hour.records for hour in hours)
    return {
        "day": {
            "hours": list(_bars(hours, most_runs or 1, most_records or 1)),
            "ticks": [f"{hour.start:%H:%M}" for hour in hours[::_TICK]],
            "runs": number_text(runs),
            "failed": number_text(failed),
            "records": number_text(records),
            "most_runs": number_text(most_runs),
            "most_records": number_text(most_records),
            "address": executions_address(started="24h"),
            "failed_address": executions_address(started="24h", status="failed"),
        }
    }


def _bars(hours: Sequence[Hour], most_runs: int, most_records: int) -> Iterator[dict[str, Any]]:
    """Each hour with the heights of its bars, in hundredths of the highest."""
    for hour in hours:
        others = hour.runs - hour.succeeded - hour.failed
        yield {
            "label": f"{hour.start:%H:%M}",
            "succeeded": number_text(hour.succeeded),
            "failed": number_text(hour.failed),
            "others": number_text(others),
            "records": number_text(hour.records),
            "address": executions_address(started=started_in(hour.start)),
            "good": f"{100 * hour.succeeded / most_runs:.1f}",
            "bad": f"{100 * hour.failed / most_runs:.1f}",
            "rest": f"{100 * others / most_runs:.1f}",
            "loaded": f"{100 * hour.records / most_records:.1f}",
        }
