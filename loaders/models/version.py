"""LoaderVersion: what was submitted and what was decided about it (spec 2, 3)."""

from __future__ import annotations

from datetime import UTC

from django.conf import settings
from django.db import models

from core.encrypted_fields import EncryptedTextField
from core.ids import uuid7
from core.keyring import keyring
from loaders.definition import Definition
from loaders.models.loader import Loader


class Decision(models.TextChoices):
    """What became of a submitted version."""

    PENDING = "PENDING", "Waiting"
    APPROVED = "APPROVED", "Approved"
    REJECTED = "REJECTED", "Rejected"
    WITHDRAWN = "WITHDRAWN", "Withdrawn by an edit"
    EXPIRED = "EXPIRED", "Expired undecided"


class LoaderVersion(models.Model):
    """Immutable numbered snapshot of the governed fields, with digest; only its decision is
    written later, once. A rotation of keys writes the same again under another key."""

    KEYED_DIGESTS = ("digest", "approval_seal")
    """Fields that hold HMACs of the keyring (core.sealed_tables)."""

    TRANSITIONS = {
        Decision.PENDING: {
            Decision.APPROVED,
            Decision.REJECTED,
            Decision.WITHDRAWN,
            Decision.EXPIRED,
        },
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(Loader, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = EncryptedTextField(place="loader_version.definition")
    digest = models.CharField(max_length=96)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    submitted_at = models.DateTimeField(auto_now_add=True)
    note = models.TextField(blank=True, default="", db_default="")
    """What who submitted it wants the approver to know."""

    decision = models.CharField(max_length=16, choices=Decision.choices, default=Decision.PENDING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True)
    approval_seal = models.CharField(max_length=96, blank=True)

    class Meta:
        db_table = "loader_version"
        ordering = ("-number",)
        constraints = [
            models.UniqueConstraint(fields=["loader", "number"], name="loader_version_number"),
            models.UniqueConstraint(
                fields=["loader"],
                condition=models.Q(decision="PENDING"),
                name="loader_version_one_pending",
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("submitted_by"))
                | ~models.Q(decision="APPROVED"),
                name="loader_version_four_eyes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} v{self.number}"

    def seal(self) -> str:
        """What an approval leaves behind: HMAC over the digest, both persons and the time, so that
        a decision written behind the application's back counts for nothing."""
        return keyring().digest(self._approval(self.digest))

    def renewed_digests(self) -> dict[str, str]:
        """Digest and seal as the keyring's first key makes them, by field: each only if the stored
        one is right, so that nothing becomes valid that was not. The digest must be that of the
        stored definition; the seal, that of an approval. Raises DecryptionError."""
        definition = Definition(self.loader_id, self.loader.loader_code, self.definition)
        if not definition.matches(self.digest, self.number):
            return {}
        renewed = {"digest": definition.digest(self.number)}
        if self.is_sealed():
            renewed["approval_seal"] = keyring().digest(self._approval(renewed["digest"]))
        return renewed

    def is_sealed(self) -> bool:
        """Whether two persons, through the application, brought this version to be approved."""
        return (
            self.decision == Decision.APPROVED
            and self.decided_by_id is not None
            and self.decided_at is not None
            and self.decided_by_id != self.submitted_by_id
            and keyring().verifies(self._approval(self.digest), self.approval_seal)
        )

    def _approval(self, digest: str) -> bytes:
        assert self.decided_at is not None
        at = self.decided_at.astimezone(UTC).isoformat()
        parts = ("approved", self.id, digest, self.submitted_by_id, self.decided_by_id, at)
        return "\n".join(map(str, parts)).encode()
