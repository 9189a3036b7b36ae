"""Use cases of execution."""

from execution.services.cancel import no_execution, request_cancel
from execution.services.claim import Claimed, prepare, take
from execution.services.commit import commit
from execution.services.coverage_reading import CoverageReading, read_coverage, worst_of_each
from execution.services.disabling import disable_and_cancel
from execution.services.dispatch import dispatch, dispatch_window
from execution.services.external import Posted, post_signals
from execution.services.failure import record_failure
from execution.services.outputs import restore_output
from execution.services.reaping import reap_expired, release_replica
from execution.services.runs import run_now
from execution.services.totals_check import verify_totals
from execution.services.trials import get_trial, request_trial, shows_data
from execution.services.verification import PartVerified, verify_coverage
from execution.services.waiving import get_waiver, waive_gaps, withdraw_waiver

__all__ = [
    "Claimed",
    "CoverageReading",
    "PartVerified",
    "Posted",
    "commit",
    "disable_and_cancel",
    "dispatch",
    "dispatch_window",
    "get_trial",
    "get_waiver",
    "no_execution",
    "post_signals",
    "prepare",
    "read_coverage",
    "reap_expired",
    "record_failure",
    "release_replica",
    "request_cancel",
    "request_trial",
    "restore_output",
    "run_now",
    "shows_data",
    "take",
    "verify_coverage",
    "verify_totals",
    "waive_gaps",
    "withdraw_waiver",
    "worst_of_each",
]
