"""The last 24 hours on the home page: runs and records by hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from accounts.object_access import reachable
from accounts.roles import User
from execution.activity import Hour, by_hour
from execution.admin import started_in
from execution.models import LoadHistory
from loaderportal.home.cards import executions_address


def day_context(user: User, now: datetime) -> dict[str, Any]:
    """Totals and bars. The executions are those that the person reaches, of every kind."""
    hours = by_hour(reachable(user, LoadHistory.objects.all()), now)
    most_runs = max(hour.runs for hour in hours)
    most_records = max(hour.records for hour in hours)
    return {
        "day": {
            "hours": list(_bars(hours, most_runs or 1, most_records or 1)),
            "runs": sum(hour.runs for hour in hours),
            "failed": sum(hour.failed for hour in hours),
            "records": sum(hour.records for hour in hours),
            "most_runs": most_runs,
            "most_records": most_records,
            "first": f"{hours[0].start:%H:%M}",
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
            "hour": hour,
            "others": others,
            "address": executions_address(started=started_in(hour.start)),
            "good": f"{100 * hour.succeeded / most_runs:.1f}",
            "bad": f"{100 * hour.failed / most_runs:.1f}",
            "rest": f"{100 * others / most_runs:.1f}",
            "loaded": f"{100 * hour.records / most_records:.1f}",
        }
