"""Enable and disable a loader."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from loaders.models import Loader, LoaderState
from loaders.services.archiving import locked_loader
from loaders.services.reach import require_on


@transaction.atomic
def enable(*, user: User, loader: Loader) -> Loader:
    """Let the loader run; it is due at once. Already enabled is no error. Raises
    PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError."""
    return _switch(user, loader, to=True)


@transaction.atomic
def disable(*, user: User, loader: Loader) -> Loader:
    """No new runs; what runs now ends in its own time."""
    return _switch(user, loader, to=False)


def _switch(user: User, loader: Loader, *, to: bool) -> Loader:
    require_on(user, Permission.RUN, loader)
    loader = locked_loader(loader)
    if loader.enabled == to:
        return loader
    loader.enabled = to
    loader.save()
    if to:
        LoaderState.objects.filter(loader=loader).update(next_due_at=database_now())
    record(
        actor=user,
        action="loader.enable" if to else "loader.disable",
        object_type="loader",
        object_id=loader.loader_code,
    )
    return loader
