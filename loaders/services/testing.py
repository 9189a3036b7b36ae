"""Trying out a source: does it answer, and may its account only read?"""

from __future__ import annotations

from accounts.roles import Permission, User, require
from audit.services import record
from loaders.connectors import connection_test
from loaders.connectors.connection_test import ConnectionReport
from loaders.models import SourceDatabase


def try_source(*, user: User, source: SourceDatabase) -> ConnectionReport:
    """Connect to the source, look at its clock, TLS and the account's privileges, and leave.

    Nothing is read of its data. A source that does not answer is a report too, not an error.
    Raises PermissionDeniedError.
    """
    require(user, Permission.MANAGE_SOURCES)
    report = connection_test.test_connection(source.profile(), source.password)
    record(
        actor=user,
        action="source.test",
        object_type="source",
        object_id=source.db_code,
        after={"ok": report.ok, "code": report.code},
    )
    return report
