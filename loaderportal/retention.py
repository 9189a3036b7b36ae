"""Retention of the whole portal: what goes when, by which function, and what never goes (spec 12).

The maintenance cluster calls the same functions on its own schedule (`execution.maintenance.jobs`
and the apps' `ready`); `manage.py prune` calls them by hand, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from accounts import lockout, sessions, tokens
from accounts.roles import Permission, User, require
from audit import outbox, pruning
from audit.services import record
from backfill import retention as scans
from core.api import stored_answers, throttle
from core.errors import PortalError, TransientError
from core.retention import Retained, Tell, silently
from execution.capture import upkeep as captures
from execution.maintenance import history, leftovers, locks, signals_retention
from execution.maintenance.jobs import settle_captures
from execution.trials import upkeep as trials
from signals import outputs

FOR_EVER: dict[str, str] = {
    "source_databases": "what loaders read",
    "loader": "its code is never used again",
    "loader_state": "one row a loader",
    "loader_version": "what was approved, and by whom",
    "evidence_pack": "what an approver decided by",
    "loader_definition_history": "who changed what",
    "source_databases_history": "who changed what",
    "coverage": "outlives the executions that it tells of",
    "gap": "a view",
    "gap_waiver": "a person's word",
    "source_breaker": "one row a source",
    "scheduler_lease": "one row",
    "maintenance_job": "one row a job",
    "backfill_job": "tells how data came to be",
    "backfill_run": "tells how data came to be",
    "recount_pass": "one row a loader and age",
    "segment_combination": "names of segments, used by all months",
    "loader_segment": "which loaders brought which combination",
    "segments_dictionary": "people's words",
    "segments_dictionary_history": "who changed what",
    "loader_event_stream": "one row",
    "user_preferences": "one row a person",
}
"""Tables of the domain that no retention empties, and why."""


class RetentionBusyError(TransientError):
    """What is past its retention was held by others."""

    code = "RETENTION_BUSY"
    status = HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class Pruned:
    """What happened to one entry: how many went or, before, how many would. `error` is a code and a
    sentence where it could not be done."""

    entry: Retained
    count: int = 0
    error: PortalError | None = None


@dataclass(frozen=True)
class PruneReport:
    """Entries in their order."""

    parts: list[Pruned]
    is_dry_run: bool

    @property
    def errors(self) -> list[PortalError]:
        """What went wrong."""
        return [part.error for part in self.parts if part.error is not None]

    @property
    def may_be_tried_again(self) -> bool:
        """Whether all that went wrong may go well later."""
        return all(isinstance(error, TransientError) for error in self.errors)


def retained() -> list[Retained]:
    """All that is removed after a while. Trials go before the executions that they belong to, and
    those after the locks that keep them."""
    return [
        Retained(
            "released locks",
            ("loader_execution_lock",),
            "locks",
            settings.RELEASED_LOCK_RETENTION,
            "LOADERPORTAL_RELEASED_LOCK_RETENTION_DAYS",
            locks.count_released_locks,
            _telling(locks.delete_released_locks),
        ),
        Retained(
            "trial results",
            ("trial",),
            "trials",
            settings.TRIAL_RETENTION,
            "LOADERPORTAL_TRIAL_RETENTION_DAYS",
            trials.count_old_trials,
            _telling(trials.forget_old_trials),
        ),
        Retained(
            "executions",
            ("load_history", "recount"),
            "executions",
            _or_ever(settings.HISTORY_RETENTION),
            "LOADERPORTAL_HISTORY_RETENTION_DAYS",
            history.count_old_executions,
            history.delete_old_executions,
        ),
        Retained(
            "signals",
            ("signals_history", "signals_rollup"),
            "months",
            _or_ever(settings.SIGNALS_RETENTION),
            "LOADERPORTAL_SIGNALS_RETENTION_DAYS",
            signals_retention.count_old_months,
            signals_retention.drop_old_months,
        ),
        Retained(
            "output versions",
            ("output_version", "output_row"),
            "versions",
            settings.OUTPUT_RETENTION,
            "LOADERPORTAL_OUTPUT_RETENTION_DAYS",
            outputs.count_expired_outputs,
            _telling(outputs.delete_expired_outputs),
        ),
        *([_captures()] if settings.RAW_CAPTURE_URL else []),
        Retained(
            "gap scans",
            ("gap_scan", "gap_finding"),
            "scans",
            _or_ever(settings.GAP_SCAN_RETENTION),
            "LOADERPORTAL_GAP_SCAN_RETENTION_DAYS",
            scans.count_old_scans,
            scans.delete_old_scans,
        ),
        *_of_the_portal(),
    ]


def prune(
    *,
    user: User,
    dry_run: bool = False,
    progress: Callable[[Retained, int, int], None] = lambda entry, done, total: None,
) -> PruneReport:
    """Remove what is past its retention, or with `dry_run` count it. One entry that can't be done
    keeps no other waiting. `progress` is told an entry, how much of it is done, and its total.

    Raises PermissionDeniedError.
    """
    require(user, Permission.PRUNE)
    parts = list(_parts(dry_run, progress))
    if not dry_run:
        removed = {part.entry.name: part.count for part in parts if part.count}
        record(
            actor=user,
            action="retention.prune",
            object_type="portal",
            object_id="retention",
            after={"removed": removed},
        )
    return PruneReport(parts, dry_run)


def _parts(dry_run: bool, progress: Callable[[Retained, int, int], None]) -> Iterator[Pruned]:  # noqa: FBT001
    for entry in retained():
        try:
            total = entry.count()
            progress(entry, 0, total)
            yield Pruned(entry, total if dry_run else _pruned(entry, total, progress))
        except PortalError as error:
            yield Pruned(entry, error=error)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            busy = RetentionBusyError("Somebody else held the rows. What is left goes next time.")
            yield Pruned(entry, error=busy)


def _pruned(entry: Retained, total: int, progress: Callable[[Retained, int, int], None]) -> int:
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(entry, done, total)

    return entry.prune(tell)


def _captures() -> Retained:
    """Files; only where there is a place for them."""
    return Retained(
        "raw captures",
        (),
        "files",
        settings.RAW_CAPTURE_RETENTION,
        "LOADERPORTAL_RAW_CAPTURE_DAYS",
        captures.count_old_files,
        _telling(settle_captures),
    )


def _of_the_portal() -> list[Retained]:
    """What is not about loaders."""
    return [
        Retained(
            "audit events",
            ("audit_event", "audit_seal", "audit_checkpoint"),
            "events",
            _or_ever(settings.AUDIT_RETENTION),
            "LOADERPORTAL_AUDIT_RETENTION_DAYS",
            pruning.count_expired,
            _telling(pruning.prune_expired),
        ),
        Retained(
            "events",
            ("loader_event",),
            "events",
            settings.EVENT_RETENTION,
            "LOADERPORTAL_EVENT_RETENTION_DAYS",
            outbox.count_expired,
            _telling(outbox.prune_expired),
        ),
        Retained(
            "ended API tokens",
            ("api_token",),
            "tokens",
            tokens.KEPT_AFTER_ITS_END,
            "after their end",
            tokens.count_old_tokens,
            _telling(tokens.delete_old_tokens),
        ),
        Retained(
            "sign-ins",
            ("axes_accesslog", "axes_accessfailurelog"),
            "sign-ins",
            lockout.KNOWN_FOR,
            "failures for a day",
            lockout.count_old_attempts,
            _telling(lockout.delete_old_attempts),
        ),
        Retained(
            "ended sessions",
            (
                "django_session",
                "token_blacklist_outstandingtoken",
                "token_blacklist_blacklistedtoken",
            ),
            "sessions",
            timedelta(0),
            "at their end",
            sessions.count_ended_sessions,
            sessions.delete_ended_sessions,
        ),
        Retained(
            "idempotency answers",
            ("api_stored_answer",),
            "answers",
            stored_answers.KEPT,
            "a day",
            stored_answers.count_old_answers,
            _telling(stored_answers.forget_answers),
        ),
        Retained(
            "request counts",
            ("api_request_count",),
            "counts",
            timedelta(0),
            "at the end of their period",
            throttle.count_old_counts,
            _telling(throttle.forget_counts),
        ),
        Retained(
            "gone replicas and failed tasks",
            ("replica", "django_q_task"),
            "rows",
            leftovers.KEPT,
            "a week",
            leftovers.count_leftovers,
            leftovers.delete_leftovers,
        ),
    ]


def _or_ever(kept: timedelta) -> timedelta | None:
    """As the environment says it: 0 is for ever."""
    return kept or None


def _telling(function: Callable[[], int]) -> Callable[[Tell], int]:
    """For functions that tell nothing while they work."""

    def prune_and_tell(tell: Tell = silently) -> int:
        count = function()
        tell(count)
        return count

    return prune_and_tell
