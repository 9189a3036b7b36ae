"""Looking anew, each day, at what the accounts of sources may do: rights change (spec 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import structlog
from django.conf import settings
from django.db.models import F, OuterRef, Q, Subquery

from accounts.roles import SYSTEM
from audit.models import AuditEvent
from core.clock import ClockTimestamp, database_now
from core.errors import PortalError
from loaders.connectors import connection_test
from loaders.models import ReadOnlyVerdict, SourceDatabase
from loaders.services.testing import TESTED, keep_verdict, tell_of_try

logger = structlog.get_logger(__name__)

EVERY = timedelta(days=1)
"""How often a source is looked at, whether it answers or not, by the system or by a person."""

BUDGET_SECONDS = 120.0
"""After this a turn begins with no further source. The job has ten minutes, and other upkeep waits
for it meanwhile; what is left is due at the next turn."""

CONNECT_SECONDS = 5
READ_SECONDS = 10


def look_at_accounts() -> int:
    """Look at the accounts of sources that nobody looked at for a day, or since they were changed;
    returns how many were tried. A source in its blackout hours is left for a later turn.

    Each try leaves an audit event of the system. It counts against no cap and no breaker, and
    neither a source that does not answer nor one whose password can't be read keeps the others
    waiting: their last verdict stands, and ages.
    """
    deadline = monotonic() + BUDGET_SECONDS
    tried = 0
    for source in _due():
        if monotonic() >= deadline:
            logger.warning("account_look.left_over", tried=tried)
            break
        try:
            _look(source)
        except PortalError as error:
            logger.warning("account_look.failed", source=source.db_code, error_code=error.code)
        tried += 1
    return tried


def _due() -> Iterator[SourceDatabase]:
    """Sources of this environment whose turn it is, the longest not looked at first."""
    looks = AuditEvent.objects.filter(
        object_type="source", object_id=OuterRef("db_code"), action=TESTED
    ).order_by("-at")
    due = (
        SourceDatabase.objects.filter(environment=settings.DEPLOYMENT_ENVIRONMENT)
        .annotate(looked_at=Subquery(looks.values("at")[:1]))
        .filter(
            Q(looked_at=None)
            | Q(looked_at__lt=ClockTimestamp() - EVERY)
            | Q(looked_at__lt=F("updated_at"))
        )
        .order_by(F("looked_at").asc(nulls_first=True), "db_code")
    )
    for source in list(due):
        if source.blackout_end(database_now()) is None:
            yield source


def _look(source: SourceDatabase) -> None:
    """One try with short timeouts. Where the rights could not be read, a verdict that stands is not
    overwritten: a source that is busy for a moment must not stop its loaders."""
    given = source.profile()
    profile = replace(
        given,
        connect_timeout_seconds=min(given.connect_timeout_seconds, CONNECT_SECONDS),
        idle_read_timeout_seconds=min(given.idle_read_timeout_seconds, READ_SECONDS),
    )
    report = connection_test.test_connection(profile, source.password)
    found = report.privileges
    is_news = source.read_only_verdict == ReadOnlyVerdict.UNKNOWN
    if found is not None and (found.can_write is not None or is_news):
        keep_verdict(source, found)
    tell_of_try(SYSTEM, source, report)
