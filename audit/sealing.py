"""The sealer: chains committed audit events, so that later tampering shows (spec 2).

It takes what has no seal, whatever its time or id: an event may commit long after later ones. It
locks nothing that a writer needs; only sealers exclude each other, by an advisory lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from audit.chain import BEGINNING, StoredCheckpoint, Tip, seal_message
from audit.event_text import event_text, instant_of
from audit.models import AuditCheckpoint, AuditSeal
from audit.stored import last_checkpoint
from core.clock import database_now
from core.ids import uuid7
from core.keyring import keyring

logger = structlog.get_logger(__name__)

BATCH = 5000
RECENT = timedelta(days=2)
"""How old an event may be that the frequent job looks at; the hourly one looks at all."""

_BATCHES_A_RUN = 200
"""A maintenance job has ten minutes; this many batches, a million events, take about two."""

_LOCK = "audit.sealing"
_SINCE = "coalesce(%s, '-infinity'::timestamptz)"
_UNSEALED = "NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)"
_INSERT = """
INSERT INTO audit_seal (sealed_at, number, event_id, previous_head, head)
SELECT %s, * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[])
"""
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Sealable:
    """An event to be sealed; `text` is what the seal is over."""

    id: UUID
    at: datetime
    text: str


@dataclass(frozen=True)
class _Batch:
    """What one transaction of the sealer did."""

    tip: Tip
    events: int
    last_at: datetime


@dataclass(frozen=True)
class SealStatus:
    """Where sealing stands: the last seal, if any, and how many recent events have none."""

    number: int
    sealed_at: datetime | None
    unsealed: int


def seal_recent() -> int:
    """Seal the events of the last two days that have no seal; returns how many."""
    return _seal_since(database_now() - RECENT)


def seal_all() -> int:
    """Seal every event that has no seal, however old; returns how many."""
    return _seal_since(None)


def status() -> SealStatus:
    """The last seal and the unsealed events of the last two days, for the console."""
    last = AuditSeal.objects.first()
    unsealed = count_unsealed(since=database_now() - RECENT)
    return SealStatus(last.number if last else 0, last.sealed_at if last else None, unsealed)


def count_unsealed(*, since: datetime | None = None, until: datetime | None = None) -> int:
    """How many committed events from `since` to before `until` have no seal."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM audit_event e WHERE e.at >= {_SINCE} AND {_UNSEALED} "
            "AND (%s::timestamptz IS NULL OR e.at < %s)",
            [since, until, until],
        )
        return int(cursor.fetchone()[0])


def events_with(ids: Iterable[UUID]) -> list[Sealable]:
    """Those of these events that are there, oldest first."""
    return _fetch("e.id = ANY(%s)", [list(ids)])


def lock_chain(*, waits: bool) -> bool:
    """Take the sealers' lock until the transaction ends; False if another has it and this one does
    not wait."""
    call = "pg_advisory_xact_lock" if waits else "pg_try_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {call}(hashtext(%s))", [_LOCK])
        return waits or bool(cursor.fetchone()[0])


def chain_tip() -> Tip:
    """Where the chain goes on; the caller holds the lock. After a cut that a checkpoint tells of,
    it goes on behind the checkpoint, so that the hole stays for good."""
    last = AuditSeal.objects.values_list("number", "head").first()
    tip = Tip(*last) if last else BEGINNING
    checkpoint = last_checkpoint()
    if checkpoint is None or checkpoint.number <= tip.number:
        return tip
    if not keyring().verifies(checkpoint.message(), checkpoint.mac):
        logger.error("audit.checkpoint_changed", number=checkpoint.number)
        return tip
    logger.error("audit.tail_cut", last=tip.number, known=checkpoint.number)
    return Tip(checkpoint.number, checkpoint.head)


def extend_chain(tip: Tip, events: Sequence[Sealable]) -> Tip:
    """Append a seal for each event and a checkpoint; the caller holds the lock, and there is at
    least one event. Returns the new end."""
    ring = keyring()
    now = database_now()
    sealed_at = instant_of(now)
    tips = [tip]
    for event in events:
        message = seal_message(tips[-1].number + 1, tips[-1].head, sealed_at, event.text)
        tips.append(Tip(tips[-1].number + 1, ring.digest(message)))
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT,
            [
                now,
                [each.number for each in tips[1:]],
                [event.id for event in events],
                [each.head for each in tips[:-1]],
                [each.head for each in tips[1:]],
            ],
        )
    tip = tips[-1]
    add_checkpoint(AuditCheckpoint.Kind.SEALED, tip, now)
    return tip


def add_checkpoint(
    kind: AuditCheckpoint.Kind, tip: Tip, at: datetime, *, before: datetime | None = None
) -> None:
    """Write down, signed, that the chain had this head."""
    signed = StoredCheckpoint(
        id=uuid7(),
        kind=kind.value,
        number=tip.number,
        head=tip.head,
        at=instant_of(at),
        before=instant_of(before) if before else None,
        mac="",
    )
    AuditCheckpoint.objects.create(
        id=signed.id,
        kind=signed.kind,
        number=signed.number,
        head=signed.head,
        at=at,
        before=before,
        mac=keyring().digest(signed.message()),
    )


def _seal_since(since: datetime | None) -> int:
    sealed = 0
    for _ in range(_BATCHES_A_RUN):
        batch = _seal_batch(since)
        if batch is None:
            break
        # The outside witness: whoever keeps the log can tell a chain that was cut or replaced.
        tip = batch.tip
        logger.info("audit.sealed", sequence=tip.number, head=tip.witness(), events=batch.events)
        sealed += batch.events
        since = batch.last_at  # what commits late, before this, is found the next time
        if batch.events < BATCH:  # or it would run on for as long as anybody writes
            break
    return sealed


def _seal_batch(since: datetime | None) -> _Batch | None:
    """Seal the oldest unsealed events from `since` on, in a transaction of their own; None if there
    are none or another sealer is at it."""
    with transaction.atomic():
        if not lock_chain(waits=False):
            return None
        # A statement of its own behind the lock: it sees all that the last sealer committed.
        events = _fetch(f"e.at >= {_SINCE} AND {_UNSEALED}", [since], limit=BATCH)
        if not events:
            return None
        tip = extend_chain(chain_tip(), events)
    return _Batch(tip, len(events), events[-1].at)


def _fetch(condition: str, values: list[Any], *, limit: int | None = None) -> list[Sealable]:
    # An instant may be infinite, where somebody made the event by SQL: it is sealed all the same.
    at = "greatest(least(e.at, clock_timestamp()), %s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.id, {at}, {event_text('e')} FROM audit_event e WHERE {condition} "
            "ORDER BY e.at, e.id LIMIT %s",
            [_LONG_AGO, *values, limit],
        )
        return [Sealable(*row) for row in cursor.fetchall()]
