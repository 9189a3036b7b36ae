"""Opening a source for a run."""

from __future__ import annotations

from django.conf import settings

from execution.services.claim import Claimed
from loaders.connectors import connector_for
from loaders.connectors.base import SourceConnection
from loaders.definition import RunSettings


def connect(claimed: Claimed) -> SourceConnection:
    """A read-only session whose statements end with the run's timeout. Raises SourceErrors."""
    return connector_for(claimed.profile.db_type).connect(
        claimed.profile,
        claimed.password(),
        statement_timeout_seconds=timeout_seconds(claimed.settings),
        application_name=f"loaderportal {claimed.loader_code}",
    )


def timeout_seconds(governed: RunSettings) -> float:
    """How long a run may take: its own timeout, or the portal's if that is shorter."""
    longest = settings.EXECUTION_TIMEOUT.total_seconds()
    return float(min(governed.execution_timeout_seconds or longest, longest))
