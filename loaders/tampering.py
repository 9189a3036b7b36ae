"""What the audit trail says of a definition that was altered outside the portal (spec 3)."""

from __future__ import annotations

from django.db import transaction

from audit.services import record

TAMPERED = "DEFINITION_TAMPERED"


@transaction.atomic
def report_tampering(loader_code: str) -> None:
    """Leave an event that the definition was found altered, and what was asked of it refused."""
    record(
        actor=None,
        action="loader.refused",
        object_type="loader",
        object_id=loader_code,
        after={"errorCode": TAMPERED},
    )
