"""Trial: a statement tried at its source without writing a signal (spec 3, 4)."""

from __future__ import annotations

from django.db import models

from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7
from execution.models.history import LoadHistory
from loaders.models import EvidencePack


class TrialKind(models.TextChoices):
    """What a trial is for."""

    TEST_QUERY = "TEST_QUERY", "Test query"
    DRY_RUN = "DRY_RUN", "Dry run"
    EVIDENCE = "EVIDENCE", "Evidence for approval"


class Stage(models.TextChoices):
    """What a trial is at."""

    QUEUED = "QUEUED", "Waiting for a worker"
    CONNECTING = "CONNECTING", "Looking at the source and its account"
    EXPLAINING = "EXPLAINING", "Asking for the plan"
    READING = "READING", "Reading the result"
    PROBING = "PROBING", "Checking the grain"
    ENDED = "ENDED", "Ended"


class Trial(models.Model):
    """What a worker needs for one trial beside its execution, which has the window, the status and
    who asked; `definition` are the governed values to try, `report` what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    load_history = models.OneToOneField(LoadHistory, on_delete=models.CASCADE, related_name="trial")
    kind = models.CharField(max_length=16, choices=TrialKind.choices)
    evidence = models.ForeignKey(
        EvidencePack, on_delete=models.CASCADE, null=True, related_name="trials"
    )
    stage = models.CharField(max_length=16, choices=Stage.choices, default=Stage.QUEUED)
    rows_so_far = models.BigIntegerField(default=0)
    definition = EncryptedTextField(place="trial.definition")
    report = EncryptedTextField(place="trial.report", null=True)

    class Meta:
        db_table = "trial"
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="EVIDENCE", evidence__isnull=False)
                | (~models.Q(kind="EVIDENCE") & models.Q(evidence__isnull=True)),
                name="trial_evidence_has_a_pack",
            )
        ]

    def __str__(self) -> str:
        return f"{TrialKind(self.kind).label} of {self.load_history}"
