"""How far behind a loader lies, and which share of its runs went well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.window import Window
from execution.figures import Figures, standing_of
from loaders.models import Loader, LoaderState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def loader(**values: Any) -> Loader:
    state = {
        name: values.pop(name) for name in ("last_load_timestamp", "next_due_at") if name in values
    }
    made = Loader(**{"enabled": True, "approval_status": "APPROVED", **values})
    made.state = LoaderState(loader=made, **state)
    return made


def figures(**counts: int) -> Figures:
    every = dict.fromkeys(("RUNNING", "SUCCESS", "PARTIAL", "FAILED", "CANCELLED"), 0)
    return Figures(Window(NOW - HOUR, NOW), {**every, **counts}, None, None, 0, 0, 0, 0, 0)


def test_the_lag_is_what_lies_between_watermark_and_now() -> None:
    assert standing_of(loader(last_load_timestamp=NOW - 3 * HOUR), NOW).lag == 3 * HOUR
    assert standing_of(loader(last_load_timestamp=NOW + HOUR), NOW).lag == -HOUR
    assert standing_of(loader(), NOW).lag is None


def test_a_loader_that_has_come_to_its_end_lags_no_more() -> None:
    ended = {"end_at": NOW - 2 * HOUR}
    assert standing_of(loader(last_load_timestamp=NOW - 3 * HOUR, **ended), NOW).lag == HOUR
    for watermark in (NOW - 2 * HOUR, NOW - HOUR):
        standing = standing_of(loader(last_load_timestamp=watermark, **ended), NOW)
        assert standing.lag == timedelta(0)


@pytest.mark.parametrize(
    ("values", "overdue"),
    [
        ({"next_due_at": NOW - HOUR}, HOUR),
        ({"next_due_at": NOW + HOUR}, None),
        ({"next_due_at": None}, None),
        ({"next_due_at": NOW - HOUR, "enabled": False}, None),
        ({"next_due_at": NOW - HOUR, "approval_status": "DRAFT"}, None),
        ({"next_due_at": NOW - HOUR, "archived_at": NOW}, None),
        ({"next_due_at": NOW - HOUR, "kind": "EXTERNAL"}, None),
    ],
)
def test_overdue_is_who_would_run_and_does_not(
    values: dict[str, Any], overdue: timedelta | None
) -> None:
    assert standing_of(loader(**values), NOW).overdue == overdue


def test_the_freshness_target_is_kept_up_to_its_last_second() -> None:
    watermark = {"last_load_timestamp": NOW - HOUR}
    assert standing_of(loader(**watermark, freshness_target_seconds=3600), NOW).is_fresh is True
    assert standing_of(loader(**watermark, freshness_target_seconds=3599), NOW).is_fresh is False
    assert standing_of(loader(**watermark), NOW).is_fresh is None
    assert standing_of(loader(freshness_target_seconds=60), NOW).is_fresh is None


def test_only_runs_that_ended_by_themselves_count_for_the_success_rate() -> None:
    assert figures(SUCCESS=2, PARTIAL=1, FAILED=1, CANCELLED=5, RUNNING=1).success_rate == 0.75
    assert figures(SUCCESS=2, PARTIAL=1, FAILED=1, CANCELLED=5, RUNNING=1).runs == 10
    assert figures(CANCELLED=5, RUNNING=1).success_rate is None
