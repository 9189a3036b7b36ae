"""The jobs of this app, and of the apps below it, which can't register theirs (imports go down)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from accounts.lockout import delete_old_attempts
from accounts.sessions import delete_ended_sessions
from accounts.tokens import delete_old_tokens
from audit import outbox
from audit.pruning import prune_expired
from audit.sealing import seal_all, seal_recent
from core.api.stored_answers import forget_answers
from core.api.throttle import forget_counts
from core.clock import database_now
from execution.maintenance.history import delete_old_executions
from execution.maintenance.leftovers import delete_leftovers
from execution.maintenance.locks import delete_released_locks, end_stale_locks
from execution.maintenance.registry import register
from execution.maintenance.schedule import Cron, Every
from execution.maintenance.signals_retention import drop_old_months
from execution.services.expiry import expire_gaps
from execution.trials.upkeep import forget_old_trials
from loaders.services import expire_stale_requests, look_at_accounts
from signals.outputs import delete_expired_outputs
from signals.partitions import ensure_partitions_ahead

STALE_LOCKS = "stale locks"
RELEASED_LOCKS = "released locks"
PARTITIONS = "partitions ahead"
REQUESTS = "expired requests"
ACCOUNTS = "source accounts"
CAPTURES = "raw capture"
OUTPUTS = "output versions"
TRIALS = "trial results"
SEALS = "audit seals"
LATE_SEALS = "late audit seals"
AUDIT_RETENTION = "audit retention"
EVENTS = "event numbers"
EVENT_RETENTION = "event retention"
TOKENS = "ended tokens"
SIGN_INS = "old sign-ins"
EXPIRED_GAPS = "expired gaps"
REQUEST_COUNTS = "request counts"
ANSWERS = "stored answers"
EXECUTIONS = "old executions"
SIGNALS = "old signals"
SESSIONS = "ended sessions"
LEFTOVERS = "leftovers"


def register_jobs() -> None:
    """Enter the jobs; called once, when Django starts."""
    register(STALE_LOCKS, Every(timedelta(minutes=30)), end_stale_locks)
    register(RELEASED_LOCKS, Cron(settings.LOCK_CLEANUP_CRON), delete_released_locks)
    register(PARTITIONS, Every(timedelta(days=1)), make_partitions_ahead, at_start=True)
    register(REQUESTS, Every(timedelta(hours=1)), expire_stale_requests)
    register(ACCOUNTS, Every(timedelta(hours=1)), look_at_accounts)
    register(CAPTURES, Every(timedelta(hours=1)), settle_captures, at_start=True)
    register(OUTPUTS, Every(timedelta(hours=1)), delete_expired_outputs)
    register(TRIALS, Every(timedelta(hours=1)), forget_old_trials)
    register(SEALS, Every(timedelta(seconds=30)), seal_recent)
    register(LATE_SEALS, Every(timedelta(hours=1)), seal_all, at_start=True)
    register(AUDIT_RETENTION, Every(timedelta(days=1)), prune_expired)
    register(EVENTS, Every(timedelta(minutes=1)), outbox.number_all)
    register(EVENT_RETENTION, Every(timedelta(hours=1)), outbox.prune_expired)
    register(TOKENS, Every(timedelta(days=1)), delete_old_tokens)
    register(SIGN_INS, Every(timedelta(days=1)), delete_old_attempts)
    register(EXPIRED_GAPS, Every(timedelta(days=1)), expire_gaps)
    register(REQUEST_COUNTS, Every(timedelta(hours=1)), forget_counts)
    register(ANSWERS, Every(timedelta(hours=1)), forget_answers)
    register(EXECUTIONS, Every(timedelta(days=1)), delete_old_executions)
    register(SIGNALS, Every(timedelta(days=1)), drop_old_months)
    register(SESSIONS, Every(timedelta(days=1)), delete_ended_sessions)
    register(LEFTOVERS, Every(timedelta(days=1)), delete_leftovers)


def settle_captures() -> int:
    """Settle what runs left at the place for raw captures; returns how many files. Raises
    CaptureFailedError."""
    if not settings.RAW_CAPTURE_URL:
        return 0
    # Not at the top: pyarrow would add 30 MB to every process that knows the jobs.
    from execution.capture.upkeep import settle_place

    return settle_place()


def make_partitions_ahead() -> int:
    """Make the partitions of the signals table that the coming months need; returns how many were
    new. Raises PartitionBusyError."""
    return ensure_partitions_ahead(database_now())
