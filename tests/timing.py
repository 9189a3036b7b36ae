"""Where the time of a run goes, by file: printed at the end of a run with workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

LINES = 10


def slowest_files(reports: Iterable[object]) -> list[str]:
    """Lines "seconds, tests, file" of the files that took most, set-up and tear-down included."""
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for report in reports:
        if isinstance(report, pytest.TestReport):
            file = report.nodeid.partition("::")[0]
            seconds[file] += report.duration  # type: ignore[assignment]  # a Counter adds floats too
            tests[file] += report.when == "call"
    return [
        f"{taken:7.1f} s {tests[file]:5} tests  {file}"
        for file, taken in seconds.most_common(LINES)
    ]
