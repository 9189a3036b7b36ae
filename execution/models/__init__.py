"""Models of the execution app."""

from execution.models.coverage import CoverageInterval
from execution.models.history import LoadHistory, RunStatus, Trigger
from execution.models.lock import LoaderExecutionLock
from execution.models.replica import Replica, SchedulerLease

__all__ = [
    "CoverageInterval",
    "LoadHistory",
    "LoaderExecutionLock",
    "Replica",
    "RunStatus",
    "SchedulerLease",
    "Trigger",
]
