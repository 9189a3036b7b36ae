"""How the tests of a run are spread over its workers, and what is said about their time."""

from __future__ import annotations

import pytest

from tests.lanes import lane, rank
from tests.timing import slowest_files


def report(nodeid: str, seconds: float) -> pytest.TestReport:
    """What pytest reports of a test that passed."""
    return pytest.TestReport(
        nodeid, (nodeid, 0, nodeid), {}, "passed", None, "call", duration=seconds
    )


def test_what_waits_runs_in_two_lanes_and_all_else_wherever_there_is_room() -> None:
    assert lane("tests/chaos/test_chaos.py::test_a") == lane("tests/chaos/test_drain.py::test_b")
    journeys = lane("tests/acceptance/test_demo.py::test_a")
    assert journeys == lane("tests/chaos/test_crashes.py::test_b") != lane("tests/chaos/x.py::c")
    assert lane("tests/unit/test_rows.py::test_a[x::y]") == lane("tests/unit/test_rows.py::test_b")
    alone = "tests/integration/test_api.py::test_a"
    assert lane(alone) == alone


def test_long_tests_come_first() -> None:
    folders = ["chaos", "acceptance", "integration", "unit"]
    assert [rank(f"tests/{folder}/test_a.py::test_b") for folder in folders] == [0, 1, 2, 3]


def test_the_slowest_files_are_named_with_what_they_took_together() -> None:
    reports = [report("a.py::x", 1.5), report("b.py::x", 2.0), report("a.py::y", 1.0), "a warning"]
    assert slowest_files(reports) == [
        "    2.5 s     2 tests  a.py",
        "    2.0 s     1 tests  b.py",
    ]
