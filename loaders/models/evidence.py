"""EvidencePack: what was found out about a submitted version before its approval (spec 4)."""

from __future__ import annotations

from django.db import models

from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7
from loaders.models.version import LoaderVersion
from loaders.trial_report import TrialReport


class EvidenceStatus(models.TextChoices):
    """Whether an approver can look at it already."""

    WAITING = "WAITING", "Being gathered"
    FINISHED = "FINISHED", "Complete"


class EvidencePack(models.Model):
    """One pack a version, made by a task after the submit. While it waits, `note` says what for,
    and `attempts` counts the tasks that came to no end. Its report is stored encrypted."""

    TRANSITIONS = {
        EvidenceStatus.WAITING: {EvidenceStatus.FINISHED},
        EvidenceStatus.FINISHED: {EvidenceStatus.WAITING},
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.OneToOneField(LoaderVersion, on_delete=models.PROTECT, related_name="evidence")
    status = models.CharField(
        max_length=16, choices=EvidenceStatus.choices, default=EvidenceStatus.WAITING
    )
    note = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    correlation_id = models.CharField(max_length=64, blank=True)
    """Of the request that asked for it; empty where none is known."""

    gathered_at = models.DateTimeField(null=True)
    report = EncryptedTextField(place="evidence_pack.report", null=True)

    class Meta:
        db_table = "evidence_pack"
        indexes = [
            models.Index(
                fields=["id"],
                condition=models.Q(status="WAITING"),
                name="evidence_pack_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"Evidence of {self.version}"

    def findings(self) -> TrialReport | None:
        """The report; None while the pack waits. Raises DecryptionError."""
        text = self.report if self.status == EvidenceStatus.FINISHED else None
        return None if text is None else TrialReport.from_json(text)
