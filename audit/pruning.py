"""Pruning the audit trail: old events go, and a signed checkpoint says where the chain begins.

The application's role can't delete events. The owner's function `prune_audit` does, and a trigger
lets nothing go that `audit.retention` says must stay, whoever asks.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.db import connection, transaction

from audit.chain import Tip
from audit.exceptions import AuditTamperedError, PruningNotGrantedError
from audit.models import AuditCheckpoint, AuditEvent, AuditSeal
from audit.retention import FLOOR, KEPT_ACTIONS
from audit.sealing import add_checkpoint, chain_tip, events_with, extend_chain, lock_chain
from audit.services import record
from audit.verification import walk_chain
from core.clock import database_now

logger = structlog.get_logger(__name__)

BATCH = 2000
_FUNCTION = "loader.prune_audit(bigint)"
_END_OF_OLD = """
SELECT coalesce(min(number) FILTER (WHERE sealed_at >= %s), max(number) + 1) - 1
FROM (SELECT number, sealed_at FROM audit_seal ORDER BY number LIMIT %s) oldest
"""


def prune_expired() -> int:
    """Prune what was sealed longer than `AUDIT_RETENTION` ago; returns how many events went. Does
    nothing where that is not set."""
    if not settings.AUDIT_RETENTION:
        return 0
    return prune_audit(database_now() - settings.AUDIT_RETENTION)


def count_expired() -> int:
    """How many events it would remove."""
    if not settings.AUDIT_RETENTION:
        return 0
    old = AuditSeal.objects.filter(sealed_at__lt=database_now() - settings.AUDIT_RETENTION)
    events = AuditEvent.objects.filter(pk__in=old.values("event_id"))
    return events.exclude(action__in=KEPT_ACTIONS).count()


def prune_audit(before: datetime) -> int:
    """Remove events that were sealed before this instant, save KEPT_ACTIONS; returns how many.

    In batches, each verified first and in a transaction of its own. What is kept is sealed anew at
    the end of the chain. Raises AuditTamperedError, and PruningNotGrantedError if the owner has not
    granted it (`migrate` does, where LOADERPORTAL_AUDIT_RETENTION_DAYS is set).
    """
    if not _is_granted():
        raise PruningNotGrantedError(
            "The database's owner has not allowed pruning: run migrate as the owner with "
            "LOADERPORTAL_AUDIT_RETENTION_DAYS set."
        )
    before = min(before, database_now() - FLOOR)
    removed = 0
    while (batch := _prune_batch(before)) is not None:
        removed += batch
    return removed


def _prune_batch(before: datetime) -> int | None:
    """Prune the oldest batch; None if there is none."""
    with transaction.atomic():
        lock_chain(waits=True)
        until = _end_of_old(before)
        if until is None:
            return None
        cut = _verified_tip(until)
        tip = chain_tip()
        ids = list(AuditSeal.objects.filter(number__lte=until).values_list("event_id", flat=True))
        add_checkpoint(AuditCheckpoint.Kind.PRUNED, cut, database_now(), before=before)
        removed = _delete_until(until)
        event = record(
            actor=None,
            action="audit.prune",
            object_type="audit",
            object_id=str(until),
            after={"removed": removed, "before": before.isoformat()},
        )
        tip = extend_chain(tip, events_with([*ids, event.pk]))
    logger.info("audit.pruned", sequence=cut.number, head=cut.witness(), removed=removed)
    logger.info("audit.sealed", sequence=tip.number, head=tip.witness())
    return removed


def _end_of_old(before: datetime) -> int | None:
    """The number of the last seal of the oldest batch that may go; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_END_OF_OLD, [before, BATCH])
        until: int | None = cursor.fetchone()[0]
    first = AuditSeal.objects.order_by("number").values_list("number", flat=True).first()
    return None if until is None or first is None or until < first else until


def _verified_tip(until: int) -> Tip:
    """The chain's head there. Pruning what does not hold would wipe out the traces."""
    walk = walk_chain(until=until)
    if walk.finding is not None:
        raise AuditTamperedError(
            f"Nothing more is pruned, because the audit trail does not hold. {walk.finding.message}"
        )
    return walk.last


def _delete_until(number: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT loader.prune_audit(%s)", [number])
        return int(cursor.fetchone()[0])


def _is_granted() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege(%s, 'EXECUTE')", [_FUNCTION])
        return bool(cursor.fetchone()[0])
