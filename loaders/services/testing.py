"""Trying out a source: does it answer, and may its account only read?"""

from __future__ import annotations

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from loaders.connectors import connection_test
from loaders.connectors.connection_test import ConnectionReport
from loaders.connectors.privileges import PrivilegeReport
from loaders.exceptions import SourceTestFailedError
from loaders.models import ReadOnlyVerdict, SourceDatabase
from loaders.services.reach import require_on

TESTED = "source.test"


def try_source(*, user: User, source: SourceDatabase) -> ConnectionReport:
    """Connect to the source, look at its clock, TLS and the account's privileges, and leave.

    Nothing is read of its data. What the account may do is kept with the source. A source that
    does not answer is a report too, not an error, and leaves the last verdict standing.
    Raises PermissionDeniedError.
    """
    require_on(user, Permission.MANAGE_SOURCES, source)
    report = connection_test.test_connection(source.profile(), source.password)
    if report.privileges is not None:
        keep_verdict(source, report.privileges)
    tell_of_try(user, source, report)
    return report


def tell_of_try(user: User, source: SourceDatabase, report: ConnectionReport) -> None:
    """Leave the audit event of a try."""
    record(
        actor=user,
        action=TESTED,
        object_type="source",
        object_id=source.db_code,
        after={
            "ok": report.ok,
            "code": report.code,
            "canWrite": report.privileges.can_write if report.privileges else None,
        },
    )


def inspect_source(*, user: User, source: SourceDatabase) -> SourceDatabase:
    """Look up what the source's account may do beyond reading; the source with its new verdict.
    Raises PermissionDeniedError, and SourceTestFailedError if the source does not answer."""
    report = try_source(user=user, source=source)
    if not report.ok:
        raise SourceTestFailedError(f"{source.db_code} does not answer: {report.message}")
    return SourceDatabase.objects.get(pk=source.pk)


def keep_verdict(source: SourceDatabase, report: PrivilegeReport) -> None:
    """Store the verdict, unless the source was changed while its account was looked at. It is an
    observation, not configuration: no version history row is written."""
    verdict = {
        True: ReadOnlyVerdict.CAN_WRITE,
        False: ReadOnlyVerdict.READ_ONLY,
        None: ReadOnlyVerdict.UNKNOWN,
    }[report.can_write]
    looked_at = {
        name: getattr(source, name) for name in ("host", "port", "db_type", "db_name", "user_name")
    }
    SourceDatabase.objects.filter(pk=source.pk, **looked_at).update(
        read_only_verdict=verdict,
        read_only_checked_at=database_now(),
        read_only_findings=list(report.findings),
    )
