"""Looking at a loader's SQL leaves a trace (spec 2, AuditEvent)."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.roles import Permission, User, may
from audit.services import record
from loaders.models import Loader


def show_sql(*, user: User, loader_code: str, version: int | None = None) -> bool:
    """Whether the user may see the SQL; if so, the audit trail now says that the user did."""
    if not may(user, Permission.VIEW_SQL):
        return False
    record(
        actor=user,
        action="loader.view_sql",
        object_type="loader",
        object_id=loader_code,
        after={} if version is None else {"version": version},
    )
    return True


def show_both(*, user: User, loader: Loader, numbers: Iterable[int]) -> bool:
    """The same of versions that are shown beside each other; the trail names each."""
    code = loader.loader_code
    shown = [show_sql(user=user, loader_code=code, version=number) for number in numbers]
    return all(shown)
