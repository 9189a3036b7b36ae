"""Use cases of execution."""

from execution.services.cancel import no_execution, request_cancel
from execution.services.claim import Claimed, prepare, take
from execution.services.commit import commit
from execution.services.disabling import disable_and_cancel
from execution.services.dispatch import dispatch, dispatch_window
from execution.services.failure import record_failure
from execution.services.outputs import restore_output
from execution.services.reaping import reap_expired, release_replica
from execution.services.runs import run_now
from execution.services.trials import get_trial, request_trial

__all__ = [
    "Claimed",
    "commit",
    "disable_and_cancel",
    "dispatch",
    "dispatch_window",
    "get_trial",
    "no_execution",
    "prepare",
    "reap_expired",
    "record_failure",
    "release_replica",
    "request_cancel",
    "request_trial",
    "restore_output",
    "run_now",
    "take",
]
