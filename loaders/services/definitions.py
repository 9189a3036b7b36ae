"""Create and change loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.roles import Permission, User, require
from audit.services import record
from loaders.exceptions import LoaderNotFoundError
from loaders.models import DefinitionEditor, Loader, LoaderState
from loaders.services.drafting import return_to_draft
from loaders.validation import apply_values, check, save_new

_UNGOVERNED = frozenset(
    {
        "description",
        "domain",
        "tags",
        "is_test",
        "owning_team",
        "contact",
        "min_interval_seconds",
    }
)
_GOVERNED = frozenset({*Loader.GOVERNED, "source_database"})
EDITABLE = _UNGOVERNED | _GOVERNED
_HIDDEN = "loader_sql"


def get_loader(loader_code: str) -> Loader:
    """The loader with this code, its state and source. Raises LoaderNotFoundError."""
    try:
        return Loader.objects.select_related("state", "source_database").get(
            loader_code=loader_code
        )
    except Loader.DoesNotExist:
        raise LoaderNotFoundError(f"There is no loader {loader_code}.") from None


@transaction.atomic
def create_loader(*, user: User, values: Mapping[str, Any]) -> Loader:
    """Add a loader as a draft, disabled unless `enabled` is given (which never lets it run before
    a second person approved it). Raises PermissionDeniedError, ValidationFailedError."""
    require(user, Permission.EDIT_LOADERS)
    loader = Loader()
    apply_values(loader, values, EDITABLE | {"loader_code", "enabled"})
    check(loader)
    save_new(loader, code="loader_code")
    LoaderState.objects.create(loader=loader)
    DefinitionEditor.objects.create(loader=loader, user=user)
    record(
        actor=user,
        action="loader.create",
        object_type="loader",
        object_id=loader.loader_code,
        after=_shown(loader, EDITABLE | {"enabled"}),
    )
    return loader


@transaction.atomic
def update_loader(*, user: User, loader: Loader, values: Mapping[str, Any]) -> Loader:
    """Change a loader; a governed change returns it to DRAFT at once (spec 3)."""
    require(user, Permission.EDIT_LOADERS)
    loader = Loader.objects.select_for_update(no_key=True).get(pk=loader.pk)
    before = _shown(loader, EDITABLE)
    changed = apply_values(loader, values, EDITABLE)
    if not changed:
        return loader
    check(loader)
    loader.save()
    if changed & _GOVERNED:
        return_to_draft(loader, user=user)
    record(
        actor=user,
        action="loader.update",
        object_type="loader",
        object_id=loader.loader_code,
        before={name: value for name, value in before.items() if name in changed},
        after=_shown(loader, changed),
    )
    return loader


def _shown(loader: Loader, names: frozenset[str] | set[str]) -> dict[str, Any]:
    """Values for the audit trail; of the SQL only that it was set."""
    return {
        name: "(set)" if name == _HIDDEN else _plain(getattr(loader, name))
        for name in sorted(names)
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | bool | None) else str(value)
