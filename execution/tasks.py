"""What the django-q2 workers run. Each is thin: the truth is in the tables."""

from __future__ import annotations

from uuid import UUID

from execution import engine, scheduler


def execute(lock_id: str) -> None:
    """Take up a dispatched window, if it is still to be taken."""
    engine.run(UUID(lock_id))


def poll() -> None:
    """One scheduler cycle."""
    scheduler.cycle()
