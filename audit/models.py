"""AuditEvent with its seals, and LoaderEvent (spec 2)."""

from __future__ import annotations

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
    """Outbox row, written in the same transaction as what it tells."""

    class Kind(models.TextChoices):
        """What happened."""

        RUN_FINISHED = "RUN_FINISHED"
        RUN_FAILED = "RUN_FAILED"
        RUN_CANCELLED = "RUN_CANCELLED"
        DEFINITION_DECIDED = "DEFINITION_DECIDED"
        BACKFILL_ENDED = "BACKFILL_ENDED"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=32, choices=Kind.choices)
    loader_code = models.CharField(max_length=64)
    execution_id = models.UUIDField(null=True)
    window_from = models.DateTimeField(null=True)
    window_to = models.DateTimeField(null=True)
    details = models.JSONField(default=dict)
    correlation_id = models.CharField(max_length=64)

    class Meta:
        db_table = "loader_event"
        ordering = ("at",)
        indexes = [models.Index(fields=["loader_code", "at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.loader_code}"
