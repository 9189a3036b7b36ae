"""AuditEvent with its seals, and LoaderEvent with its stream (spec 2)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import models

from core.clock import ClockTimestamp
from core.ids import uuid7


class AuditEvent(models.Model):
    """Who did what to what, when and from where. Append-only: a trigger refuses all else."""

    append_only = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=ClockTimestamp(), db_index=True, editable=False)
    """The database's clock, so that events of several machines have one order."""

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150)
    source_address = models.GenericIPAddressField(null=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    correlation_id = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_event"
        ordering = ("-at",)
        indexes = [models.Index(fields=["object_type", "object_id", "at"])]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_type} {self.object_id}"


class AuditSeal(models.Model):
    """A link of the chain over the audit trail: one a committed event, in the order in which the
    sealer saw them. Append-only like the events."""

    append_only = True
    KEYED_DIGESTS = ("previous_head", "head")

    number = models.BigIntegerField(primary_key=True)
    """Without gaps, from 1."""

    event_id = models.UUIDField(unique=True)
    """No foreign key: a removed event must show, and a writer must never meet the sealer."""

    previous_head = models.CharField(max_length=96)
    head = models.CharField(max_length=96)
    """HMAC over number, previous head, time and event, with its key's id (`core.keyring`)."""

    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_seal"
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditCheckpoint(models.Model):
    """A head that the chain had: at the end of each batch of the sealer, and where pruning has cut
    the chain's beginning off. Append-only, and signed, so that none can be made up."""

    class Kind(models.TextChoices):
        """Why it was made."""

        SEALED = "SEALED"
        PRUNED = "PRUNED"

    append_only = True
    KEYED_DIGESTS = ("head", "mac")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    number = models.BigIntegerField()
    head = models.CharField(max_length=96)
    at = models.DateTimeField()
    before = models.DateTimeField(null=True)
    """Of PRUNED: events sealed before this went."""

    mac = models.CharField(max_length=96)

    class Meta:
        db_table = "audit_checkpoint"
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["kind", "number"], name="audit_checkpoint_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class LoaderEvent(models.Model):
    """Outbox row, written in the same transaction as what it tells. `details` hold codes and
    counts: no SQL, no words or data of a source."""

    class Kind(models.TextChoices):
        """What happened."""

        RUN_FINISHED = "RUN_FINISHED"
        RUN_FAILED = "RUN_FAILED"
        RUN_CANCELLED = "RUN_CANCELLED"
        DEFINITION_DECIDED = "DEFINITION_DECIDED"
        BACKFILL_ENDED = "BACKFILL_ENDED"
        GAP_FOUND = "GAP_FOUND"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=ClockTimestamp(), editable=False)
    """The database's clock."""

    kind = models.CharField(max_length=32, choices=Kind.choices)
    loader_code = models.CharField(max_length=64)
    execution_id = models.UUIDField(null=True)
    window_from = models.DateTimeField(null=True)
    window_to = models.DateTimeField(null=True)
    details = models.JSONField(default=dict)
    correlation_id = models.CharField(max_length=64)
    number = models.BigIntegerField(null=True, unique=True, editable=False)
    """Place in the stream, given after the commit (`audit.outbox`); None until then."""

    class Meta:
        db_table = "loader_event"
        ordering = ("at",)
        indexes = [
            models.Index(fields=["loader_code", "number"], name="loader_event_of_loader"),
            models.Index(
                fields=["at", "id"],
                name="loader_event_not_numbered",
                condition=models.Q(number__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.loader_code}"


class EventStream(models.Model):
    """The one row that says how far events are numbered and how far they were pruned. Its row lock
    lets one session number or prune at a time. It outlives the events, so that no number is ever
    given twice; the ids let a restored database be told from the one it replaced."""

    KEY = 1

    key = models.PositiveSmallIntegerField(primary_key=True, default=KEY)
    last_number = models.BigIntegerField(default=0)
    last_id = models.UUIDField(default=UUID(int=0))
    pruned_number = models.BigIntegerField(default=0)
    """Events up to this one are gone."""

    pruned_id = models.UUIDField(default=UUID(int=0))

    class Meta:
        db_table = "loader_event_stream"
        constraints = [
            models.CheckConstraint(condition=models.Q(key=1), name="loader_event_stream_once"),
            models.CheckConstraint(
                condition=models.Q(pruned_number__lte=models.F("last_number")),
                name="loader_event_stream_order",
            ),
        ]

    def __str__(self) -> str:
        return f"events {self.pruned_number + 1} to {self.last_number}"
