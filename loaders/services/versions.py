"""Copies of definitions: a loader as another one, an old version as a draft."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from loaders.definition import Definition
from loaders.exceptions import DefinitionTamperedError, VersionNotFoundError
from loaders.models import Loader, LoaderVersion, SourceDatabase
from loaders.services.definitions import EDITABLE, create_loader, update_loader
from loaders.services.drafting import COPIED
from loaders.services.reach import no_source, require_on


def get_version(loader: Loader, number: int) -> LoaderVersion:
    """The loader's version with this number. Raises VersionNotFoundError."""
    try:
        return loader.versions.select_related("submitted_by", "decided_by").get(number=number)
    except LoaderVersion.DoesNotExist:
        raise VersionNotFoundError(f"{loader.loader_code} has no version {number}.") from None


@transaction.atomic
def copy_loader(
    *,
    user: User,
    loader: Loader,
    loader_code: str,
    source: SourceDatabase | None = None,
    domain: str | None = None,
) -> Loader:
    """A new draft, disabled, with the loader's definition, over the same or another source, in
    the same or another domain. An archived loader may be copied too.

    Raises PermissionDeniedError, LoaderNotFoundError, SourceNotFoundError, ValidationFailedError
    (a code that is taken or malformed).
    """
    require_on(user, Permission.EDIT_LOADERS, loader)
    values = {name: getattr(loader, name) for name in EDITABLE}
    values |= {
        "loader_code": loader_code,
        "kind": loader.kind,
        "source_database": source or loader.source_database,
        "domain": loader.domain if domain is None else domain,
    }
    copied = create_loader(user=user, values=values)
    record(
        actor=user,
        action=COPIED,
        object_type="loader",
        object_id=copied.loader_code,
        before={"from": loader.loader_code},
    )
    return copied


@transaction.atomic
def restore_version(*, user: User, loader: Loader, number: int) -> Loader:
    """Make a draft of an old version; it runs only once a second person approved it again.

    The source is taken by its code, as it is now. Raises PermissionDeniedError,
    LoaderNotFoundError, VersionNotFoundError, SourceNotFoundError, and DefinitionTamperedError if
    the stored version is not the one that was submitted.
    """
    require_on(user, Permission.EDIT_LOADERS, loader)
    version = get_version(loader, number)
    submitted = Definition(loader.pk, loader.loader_code, version.definition)
    if not submitted.matches(version.digest, number):
        raise DefinitionTamperedError(
            f"Version {number} of {loader.loader_code} was altered outside the portal; it can't "
            "be restored.",
            loader_code=loader.loader_code,
        )
    restored = update_loader(user=user, loader=loader, values=_values_of(version))
    record(
        actor=user,
        action="loader.restore",
        object_type="loader",
        object_id=loader.loader_code,
        after={"version": number},
    )
    return restored


def _values_of(version: LoaderVersion) -> dict[str, Any]:
    """The governed values of a version, typed as the model's fields."""
    stored = json.loads(version.definition)
    values = {name: stored[name] for name in EDITABLE & set(Loader.GOVERNED) if name in stored}
    for name in ("start_at", "end_at"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    if values.get("offset_hours") is not None:
        values["offset_hours"] = Decimal(values["offset_hours"])
    if stored["source_database"] is not None:
        values["source_database"] = _source(stored["source_database"]["db_code"])
    return values


def _source(db_code: str) -> SourceDatabase:
    """The source that the version names; whether the user may have the loader read it is asked
    where the loader is changed."""
    source = SourceDatabase.objects.filter(db_code=db_code).first()
    if source is None:
        raise no_source(db_code)
    return source
