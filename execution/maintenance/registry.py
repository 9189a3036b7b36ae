"""The register of maintenance jobs, filled when Django starts and the same in every process.

Apps that may import this one call `register` in their AppConfig's `ready`. Apps below it offer a
plain function, which `execution.maintenance.jobs` enters for them: imports go down only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from execution.maintenance.schedule import Schedule

_jobs: dict[str, Job] = {}


@dataclass(frozen=True)
class Job:
    """One job. `function` returns how many things it did. It must stand being run twice at once or
    being broken off at any point: a frozen worker's job is given to another one. It should end
    within the maintenance cluster's timeout of ten minutes, so it works in small batches. With
    `at_start`, it also runs when a replica starts."""

    name: str
    schedule: Schedule
    function: Callable[[], int]
    at_start: bool = False


def register(
    name: str, schedule: Schedule, function: Callable[[], int], *, at_start: bool = False
) -> None:
    """Enter a job under a name of its own, at most 64 characters. ValueError for a second one of
    the same name: their rows could not be told apart."""
    if name in _jobs:
        raise ValueError(f"There is a maintenance job {name} already.")
    _jobs[name] = Job(name, schedule, function, at_start=at_start)


def registered() -> dict[str, Job]:
    """All jobs by name."""
    return dict(_jobs)
