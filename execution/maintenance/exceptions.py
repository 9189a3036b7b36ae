"""Errors of the upkeep."""

from __future__ import annotations

from execution.exceptions import LeaseExpiredError


class StaleLockError(LeaseExpiredError):
    """The run held its lock for longer than any run may, and did not stop when it was asked to.
    Like an expired lease it is the portal's own fault, not the source's."""

    code = "STALE_LOCK"
