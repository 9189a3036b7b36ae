"""The maintenance job that looks for late data."""

from __future__ import annotations

from datetime import timedelta

from backfill.services.recount_passes import recount_due
from execution.maintenance.registry import register
from execution.maintenance.schedule import Every

RECOUNTS = "re-counts"


def register_jobs() -> None:
    """Enter the job; called once, when Django starts."""
    register(RECOUNTS, Every(timedelta(minutes=1)), recount_due)
