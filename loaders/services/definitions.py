"""Create and change loaders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.roles import Permission, User, require
from audit.services import record
from loaders.models import Loader, LoaderState
from loaders.services.archiving import locked_loader
from loaders.services.drafting import CREATED, return_to_draft
from loaders.services.reach import no_loader, require_on, require_source_of
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
        "freshness_target_seconds",
        "segment_meanings",
    }
)
_GOVERNED = frozenset({*Loader.GOVERNED, "source_database"}) - {"kind"}
EDITABLE = _UNGOVERNED | _GOVERNED
"""What may be changed of a loader. Its code and kind are given once."""

_HIDDEN = "loader_sql"


def get_loader(loader_code: str, *, user: User) -> Loader:
    """The loader with this code, its state and source, for somebody who reaches it. Raises
    LoaderNotFoundError."""
    loaders = Loader.objects.visible_to(user).select_related("state", "source_database")
    try:
        return loaders.get(loader_code=loader_code)
    except Loader.DoesNotExist:
        raise no_loader(loader_code) from None


@transaction.atomic
def create_loader(*, user: User, values: Mapping[str, Any]) -> Loader:
    """Add a loader as a draft, disabled unless `enabled` is given (which never lets it run before
    a second person approved it). Raises PermissionDeniedError, ValidationFailedError, and
    SourceNotFoundError for a source that the user does not reach."""
    require(user, Permission.EDIT_LOADERS)
    loader = Loader()
    apply_values(loader, values, EDITABLE | {"loader_code", "kind", "enabled"})
    require_source_of(user, loader)
    check(loader, forbidden=_naming(loader.loader_code))
    save_new(loader, code="loader_code")
    LoaderState.objects.create(loader=loader)
    record(
        actor=user,
        action=CREATED,
        object_type="loader",
        object_id=loader.loader_code,
        after=_shown(loader, EDITABLE | {"kind", "enabled"}),
    )
    return loader


@transaction.atomic
def update_loader(*, user: User, loader: Loader, values: Mapping[str, Any]) -> Loader:
    """Change a loader; a governed change returns it to DRAFT at once (spec 3). Raises
    PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError, ValidationFailedError, and
    SourceNotFoundError for another source that the user does not reach."""
    require_on(user, Permission.EDIT_LOADERS, loader)
    loader = locked_loader(loader)
    before = _shown(loader, EDITABLE)
    changed = apply_values(loader, values, EDITABLE)
    if not changed:
        return loader
    if "source_database" in changed:
        require_source_of(user, loader)
    check(loader)
    loader.save()
    if changed & _GOVERNED:
        return_to_draft(loader, user=user, because="its definition was changed")
    record(
        actor=user,
        action="loader.update",
        object_type="loader",
        object_id=loader.loader_code,
        before={name: value for name, value in before.items() if name in changed},
        after=_shown(loader, changed),
    )
    return loader


@transaction.atomic
def set_log_level(*, user: User, loader: Loader, level: str) -> Loader:
    """How much the loader's runs log from the next run on; empty is the portal's own level.
    Raises PermissionDeniedError, LoaderArchivedError, ValidationFailedError."""
    require_on(user, Permission.SET_LOG_LEVELS, loader)
    loader = locked_loader(loader)
    before = loader.log_level
    apply_values(loader, {"log_level": level}, {"log_level"})
    check(loader)
    loader.save()
    record(
        actor=user,
        action="loader.log_level",
        object_type="loader",
        object_id=loader.loader_code,
        before={"log_level": before},
        after={"log_level": level},
    )
    return loader


def _naming(loader_code: str) -> dict[str, str]:
    """The organisation's own rule for codes, on top of the product's."""
    pattern = settings.LOADER_CODE_PATTERN
    if not pattern or re.fullmatch(pattern, loader_code):
        return {}
    return {"loader_code": f"Codes here follow the pattern {pattern}."}


def _shown(loader: Loader, names: frozenset[str] | set[str]) -> dict[str, Any]:
    """Values for the audit trail; of the SQL only that it was set."""
    return {
        name: "(set)" if name == _HIDDEN else _plain(getattr(loader, name))
        for name in sorted(names)
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | bool | None) else str(value)
