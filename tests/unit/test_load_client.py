"""The load test's own arithmetic: what it calls an error, and a percentile."""

from __future__ import annotations

import pytest

from benchmarks.load_client import Notes, errors_in, percentile, summary


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_of_nothing_a_percentile_is_nothing() -> None:
    assert percentile([], 0.95) == 0.0
    assert percentile([7.0], 0.95) == 7.0


def test_a_run_may_be_refused_and_nothing_else_may() -> None:
    right = {("run", 202): 3, ("run", 409): 5, ("list", 200): 9}
    assert errors_in(right) == 0
    for wrong in (("list", 409), ("list", 429), ("run", 500), ("run", 0), ("detail", 404)):
        assert errors_in({**right, wrong: 2}) == 2, wrong


def test_the_summary_counts_every_answer() -> None:
    notes = Notes()
    for milliseconds, status in ((10.0, 200), (30.0, 200), (20.0, 503)):
        notes.milliseconds["list"].append(milliseconds)
        notes.statuses["list", status] += 1
    found = summary(notes)
    assert (found["requests"], found["errors"], found["max"]) == (3, 1, 30.0)
    assert (found["p50"], found["p95_by_kind"]) == (20.0, {"list": 30.0})
    assert found["statuses"] == {"list 200": 2, "list 503": 1}
