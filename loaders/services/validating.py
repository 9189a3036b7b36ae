"""Asking the guard about a loader's draft, before anybody is asked to approve it (spec 4)."""

from __future__ import annotations

from accounts.roles import Permission, User
from loaders.dialects import DatabaseType
from loaders.models import Loader
from loaders.services.reach import require_on
from loaders.sql_guard import validate
from loaders.sql_guard.verdict import Verdict


def validate_draft(*, user: User, loader: Loader) -> Verdict:
    """What the guard says of the statement as it is stored now, in the source's dialect; the same
    is asked at submit and before each run. For those who may see the statement: findings quote
    identifiers of it. Raises PermissionDeniedError, LoaderNotFoundError, LoaderIsExternalError."""
    require_on(user, Permission.VIEW_SQL, loader)
    return validate(loader.loader_sql, DatabaseType(loader.source.db_type))
