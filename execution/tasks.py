"""What the django-q2 workers run. Each is thin: the truth is in the tables."""

from __future__ import annotations

from uuid import UUID

from execution import engine, scheduler
from execution.clusters import marked
from execution.hints import hint_maintenance
from execution.maintenance.runner import run_next


def execute(lock_id: str) -> None:
    """Take up a dispatched window, if it is still to be taken."""
    with marked(UUID(lock_id)):
        engine.run(UUID(lock_id))


def poll() -> None:
    """One scheduler cycle."""
    scheduler.cycle()


def maintain() -> None:
    """The maintenance job that is due the longest; each has the worker's whole time limit, so the
    next one gets a message of its own."""
    if run_next():
        hint_maintenance()
