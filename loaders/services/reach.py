"""Loaders and sources that the user does not reach are answered as if they did not exist
(spec 1 "Object permissions")."""

from __future__ import annotations

from accounts.object_access import is_restricted, reaches
from accounts.roles import Permission, User, require
from core.errors import TerminalError
from loaders.exceptions import (
    LoaderNotFoundError,
    SourceNotFoundError,
    ValidationFailedError,
)
from loaders.models import Loader, SourceDatabase
from loaders.policies import LoaderKind


def no_loader(loader_code: str) -> LoaderNotFoundError:
    """The answer about a loader that is not there, or not for this user."""
    return LoaderNotFoundError(f"There is no loader {loader_code}.")


def no_source(db_code: str) -> SourceNotFoundError:
    """The answer about a source that is not there, or not for this user."""
    return SourceNotFoundError(f"There is no source database {db_code}.")


def require_on(user: User, permission: Permission, obj: Loader | SourceDatabase) -> None:
    """Raise unless the user may do this, and to this very object: PermissionDeniedError, then
    LoaderNotFoundError or SourceNotFoundError."""
    require(user, permission)
    require_reach(user, obj)


def require_reach(user: User, obj: Loader | SourceDatabase) -> None:
    """Raise LoaderNotFoundError or SourceNotFoundError unless the user reaches the object."""
    if not reaches(user, obj):
        raise _absence_of(obj)


def require_source_of(user: User, loader: Loader) -> None:
    """What a new or moved loader reads must be reached by who makes it, and so must the loader
    afterwards. Raises SourceNotFoundError, and ValidationFailedError for a loader without source.
    """
    if loader.source_database is not None:
        require_reach(user, loader.source_database)
    elif loader.kind == LoaderKind.EXTERNAL and is_restricted(user):
        message = "Only an administrator adds a loader without a source: no team would reach it."
        raise ValidationFailedError(message, details={"errors": {"kind": [message]}})


def _absence_of(obj: Loader | SourceDatabase) -> TerminalError:
    return no_loader(obj.loader_code) if isinstance(obj, Loader) else no_source(obj.db_code)
