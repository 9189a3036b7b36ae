"""Who asked for executions and backfills: a person, or the portal itself."""

from __future__ import annotations

from django.db.models import Q

from audit.services import SYSTEM


def asked_for_by(username: str) -> Q:
    """Rows with `requested_by` that this user asked for; those of `system` have nobody."""
    if username == SYSTEM:
        return Q(requested_by__isnull=True)
    return Q(requested_by__username=username)
