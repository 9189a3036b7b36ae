"""What people are told about a run before any figure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from execution.models import LoadHistory, RunStatus, Trigger
from execution.sentences import comes_again, outcome, what_to_do

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
FROM = datetime(2013, 11, 23, tzinfo=UTC)


def run(**values: Any) -> LoadHistory:
    given = {
        "loader_id": "ORDERS",
        "trigger": Trigger.SCHEDULE,
        "status": RunStatus.SUCCESS,
        "start_time": NOW - timedelta(seconds=20),
        "claimed_at": NOW - timedelta(seconds=10),
        "end_time": NOW - timedelta(seconds=10) + timedelta(milliseconds=100),
        "query_from_time": FROM,
        "query_to_time": FROM + timedelta(days=7),
    }
    return LoadHistory(**(given | values))


UNDER_WAY = {"status": RunStatus.RUNNING, "end_time": None}
COUNTS = {"records_read": 5803, "records_loaded": 5803}
FAILED = {
    "status": RunStatus.FAILED,
    "error_code": "SOURCE_AUTH_FAILED",
    "error_message": "The source refused the login",
}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            COUNTS,
            "Loaded 5,803 signals of 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms.",
        ),
        (
            {**COUNTS, "records_purged": 1, "records_skipped": 2},
            "Loaded 5,803 signals of 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms. They took "
            "the place of 1 signal. 2 rows stood there already.",
        ),
        (
            {**COUNTS, "status": RunStatus.PARTIAL},
            "Loaded 5,803 signals of 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms. More "
            "would have gone over the row limit: the rest of the time follows.",
        ),
        (
            {"records_read": 0, "records_loaded": 0},
            "The source had no rows of 2013-11-23 00:00 to 2013-11-30 00:00 UTC: nothing was "
            "loaded.",
        ),
        (
            {**COUNTS, "trigger": Trigger.RESTORE},
            "Put back 5,803 signals of 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms.",
        ),
        (
            {"trigger": Trigger.DRY_RUN, "records_read": 1},
            "Read 1 row over 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms. A trial writes no "
            "signals.",
        ),
        (
            {"trigger": Trigger.RECOUNT},
            "Looked over 2013-11-23 00:00 to 2013-11-30 00:00 UTC in 100 ms. A re-count writes no "
            "signals.",
        ),
        (
            {**UNDER_WAY, "claimed_at": None},
            "Queued for 20 s: no worker has taken it up yet.",
        ),
        (UNDER_WAY, "Running for 10 s."),
        (FAILED, "Failed: The source refused the login. Nothing was loaded."),
        (
            {**FAILED, "trigger": Trigger.DRY_RUN},
            "Failed: The source refused the login. A trial writes no signals.",
        ),
        (
            {"status": RunStatus.CANCELLED, "error_message": "The run was cancelled."},
            "Called off: The run was cancelled. Nothing was loaded.",
        ),
    ],
)
def test_every_end_of_a_run_is_told_in_plain_words(values: dict[str, Any], told: str) -> None:
    assert outcome(run(**values), NOW) == told


def test_a_run_under_way_tells_how_far_it_is() -> None:
    told = outcome(run(**UNDER_WAY), NOW, rows_so_far=1234)
    assert told == "Running for 10 s, 1,234 rows read so far."


def test_a_failure_tells_what_can_be_done_and_a_success_nothing() -> None:
    assert "corrects user name or password" in what_to_do(run(**FAILED))
    assert what_to_do(run(**COUNTS)) == ""


def test_a_failed_live_run_tells_whether_it_comes_again() -> None:
    failed, due = run(**FAILED), NOW + timedelta(minutes=15)
    again = comes_again(failed, NOW, is_latest=True, due_at=due)
    assert again == "It is tried again at 2026-01-02 12:15 UTC."
    assert "as soon as there is room" in comes_again(failed, NOW, is_latest=True, due_at=NOW)
    assert "waits until somebody" in comes_again(failed, NOW, is_latest=True, due_at=None)
    assert "has been tried again" in comes_again(failed, NOW, is_latest=False, due_at=due)


def test_nothing_is_promised_of_other_runs() -> None:
    assert comes_again(run(**COUNTS), NOW, is_latest=True, due_at=NOW) == ""
    backfill = run(**FAILED, trigger=Trigger.BACKFILL)
    assert comes_again(backfill, NOW, is_latest=True, due_at=NOW) == ""
