"""What pruning must leave of the audit trail. The trigger of the table holds the same."""

from __future__ import annotations

from datetime import timedelta

FLOOR = timedelta(days=30)
"""No event younger than this is ever pruned."""

KEPT_ACTIONS = (
    "loader.create",
    "loader.draft",
    "loader.submit",
    "loader.copy",
    "source.create",
    "source.update",
)
"""Events that tell who edited a loader or its source since its last approval: kept for ever. They
are few, and a rule that asked which approval was the last would have to believe rows that can be
forged. A test finds what else is decided by events."""
