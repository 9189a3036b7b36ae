"""Models of the execution app."""

from execution.models.breaker import SourceBreaker
from execution.models.coverage import CoverageInterval
from execution.models.gap import Gap, GapWaiver, gap_id, no_gap, read_gap_id
from execution.models.history import (
    FAILURE_KIND,
    LOADING,
    OUTPUT_VERSION,
    LoadHistory,
    RunStatus,
    Trigger,
)
from execution.models.lock import LoaderExecutionLock
from execution.models.maintenance import MaintenanceJob
from execution.models.recount import Recount, RecountState
from execution.models.replica import Replica, SchedulerLease
from execution.models.trial import Stage, Trial, TrialKind

__all__ = [
    "FAILURE_KIND",
    "LOADING",
    "OUTPUT_VERSION",
    "CoverageInterval",
    "Gap",
    "GapWaiver",
    "LoadHistory",
    "LoaderExecutionLock",
    "MaintenanceJob",
    "Recount",
    "RecountState",
    "Replica",
    "RunStatus",
    "SchedulerLease",
    "SourceBreaker",
    "Stage",
    "Trial",
    "TrialKind",
    "Trigger",
    "gap_id",
    "no_gap",
    "read_gap_id",
]
