"""Reading the audit trail: for administrators, in the console and by the API alike."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from accounts.roles import Permission, User, require
from audit.models import AuditEvent


def audit_events(
    *,
    user: User,
    actor: str = "",
    action: str = "",
    object_type: str = "",
    object_id: str = "",
    correlation_id: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """The events, latest first, that have all that is given: who (`system` for the portal itself),
    what, on what, and when, from `start` to before `end`. Raises PermissionDeniedError."""
    require(user, Permission.READ_AUDIT)
    asked = {
        "actor_name": actor,
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "correlation_id": correlation_id,
        "at__gte": start,
        "at__lt": end,
    }
    return AuditEvent.objects.filter(**{name: value for name, value in asked.items() if value})
