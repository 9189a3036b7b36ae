"""Console pages of the execution app."""

from execution.admin.badges import duration_text, status_badge
from execution.admin.coverage import COVERAGE_TONES, CoverageAdmin
from execution.admin.execution import CANCEL, ExecutionAdmin
from execution.admin.gap import GapAdmin, WaiverAdmin
from execution.admin.links import loader_link
from execution.admin.lock import LockAdmin, locks_address
from execution.admin.operation import MaintenanceJobAdmin
from execution.admin.output import OutputVersionAdmin
from execution.admin.replica import ReplicaAdmin, replica_badge, replicas_address, slots_link
from execution.admin.started_filter import started_in
from execution.admin.trials import DRY_RUN, TEST_QUERY

__all__ = [
    "CANCEL",
    "COVERAGE_TONES",
    "DRY_RUN",
    "TEST_QUERY",
    "CoverageAdmin",
    "ExecutionAdmin",
    "GapAdmin",
    "LockAdmin",
    "MaintenanceJobAdmin",
    "OutputVersionAdmin",
    "ReplicaAdmin",
    "WaiverAdmin",
    "duration_text",
    "loader_link",
    "locks_address",
    "replica_badge",
    "replicas_address",
    "slots_link",
    "started_in",
    "status_badge",
]
