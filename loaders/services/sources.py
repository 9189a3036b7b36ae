"""Create and change source databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.roles import Permission, User, require
from audit.services import record
from core.clock import database_now
from loaders.dialects import DatabaseType
from loaders.models import Loader, LoaderState, ReadOnlyVerdict, SourceDatabase
from loaders.services.drafting import return_to_draft
from loaders.services.reach import no_source, require_on
from loaders.validation import apply_values, check, save_new

_SECRET = "password"  # noqa: S105 - the name of a field
EDITABLE = frozenset(
    {
        *SourceDatabase.GOVERNED,
        "db_code",
        "password",
        "environment",
        "connect_timeout_seconds",
        "idle_read_timeout_seconds",
        "max_connections",
        "blackout_hours",
        "retention_days",
        "allow_test_queries",
    }
)


_ACCOUNT = frozenset({"host", "port", "db_type", "db_name", "user_name"})
"""What makes the permission inspector's last verdict one about another account."""


def get_source(db_code: str, *, user: User) -> SourceDatabase:
    """The source with this code, for somebody who reaches it. Raises SourceNotFoundError."""
    try:
        return SourceDatabase.objects.visible_to(user).get(db_code=db_code)
    except SourceDatabase.DoesNotExist:
        raise no_source(db_code) from None


@transaction.atomic
def create_source(*, user: User, values: Mapping[str, Any]) -> SourceDatabase:
    """Add a source. Raises PermissionDeniedError, ValidationFailedError."""
    require(user, Permission.MANAGE_SOURCES)
    source = SourceDatabase()
    apply_values(source, values, EDITABLE)
    check(source, forbidden=_rules(source) | _password_rule(source))
    save_new(source, code="db_code")
    record(
        actor=user,
        action="source.create",
        object_type="source",
        object_id=source.db_code,
        after=_shown(source, EDITABLE),
    )
    return source


@transaction.atomic
def update_source(
    *, user: User, source: SourceDatabase, values: Mapping[str, Any]
) -> SourceDatabase:
    """Change a source; a governed change returns its loaders to DRAFT and makes the user an
    editor of each (spec 1, 3). An empty password keeps the stored one. Loaders that wait for
    somebody to do something are tried again."""
    require_on(user, Permission.MANAGE_SOURCES, source)
    source = SourceDatabase.objects.select_for_update(no_key=True).get(pk=source.pk)
    changes = {name: value for name, value in values.items() if name != _SECRET or value}
    before = _shown(source, EDITABLE)
    changed = apply_values(source, changes, EDITABLE - {"db_code"})
    check(source, forbidden=_rules(source))
    if changed & _ACCOUNT:
        source.read_only_verdict = ReadOnlyVerdict.UNKNOWN
        source.read_only_checked_at = None
        source.read_only_findings = []
    source.save()
    if changed & set(SourceDatabase.GOVERNED):
        for loader in Loader.objects.select_for_update(no_key=True).filter(source_database=source):
            return_to_draft(loader, user=user, because=f"source {source.db_code} was changed")
    LoaderState.objects.held().filter(loader__source_database=source).update(
        next_due_at=database_now()
    )
    record(
        actor=user,
        action="source.update",
        object_type="source",
        object_id=source.db_code,
        before={name: value for name, value in before.items() if name in changed},
        after=_shown(source, changed),
    )
    return source


def _password_rule(source: SourceDatabase) -> dict[str, str]:
    if source.password or source.db_type == DatabaseType.SIMULATED:
        return {}
    return {_SECRET: "This field is required."}


def _rules(source: SourceDatabase) -> dict[str, str]:
    if source.environment != settings.DEPLOYMENT_ENVIRONMENT:
        return {
            "environment": f"This portal runs in {settings.DEPLOYMENT_ENVIRONMENT}; it may only "
            "reach sources of that environment."
        }
    return {}


def _shown(source: SourceDatabase, names: frozenset[str] | set[str]) -> dict[str, Any]:
    """Values for the audit trail; of the password only that it was set."""
    return {name: "(set)" if name == _SECRET else getattr(source, name) for name in sorted(names)}
