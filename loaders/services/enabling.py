"""Enable and disable loaders, one or many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction

from accounts.roles import Permission, User, require
from audit.services import record
from core.clock import database_now
from core.errors import PortalError
from loaders.models import Loader, LoaderState
from loaders.services.archiving import locked_loader
from loaders.services.reach import require_on


@transaction.atomic
def enable(*, user: User, loader: Loader) -> Loader:
    """Let the loader run; it is due at once. Already enabled is no error. Raises
    PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError."""
    return _switch(user, loader, to=True)[0]


@transaction.atomic
def disable(*, user: User, loader: Loader) -> Loader:
    """No new runs; what runs now ends in its own time."""
    return _switch(user, loader, to=False)[0]


@dataclass(frozen=True)
class Switched:
    """What became of each of many loaders, by code: switched, so already, or refused and why."""

    done: tuple[str, ...]
    already: tuple[str, ...]
    refused: Mapping[str, str]


def switch_many(*, user: User, loaders: Iterable[Loader], to: bool) -> Switched:
    """Enable (`to`) or disable each of the loaders as `enable` and `disable` do: in a transaction
    of its own, with an event of its own. One that is refused stops none of the others. Raises
    PermissionDeniedError."""
    require(user, Permission.RUN)
    done: list[str] = []
    already: list[str] = []
    refused: dict[str, str] = {}
    for loader in loaders:
        try:
            with transaction.atomic():
                is_changed = _switch(user, loader, to=to)[1]
        except PortalError as error:
            error.leave_trace()
            refused[loader.loader_code] = error.message
        else:
            (done if is_changed else already).append(loader.loader_code)
    return Switched(tuple(done), tuple(already), refused)


def _switch(user: User, loader: Loader, *, to: bool) -> tuple[Loader, bool]:
    """The loader as it is now, and whether it was otherwise before."""
    require_on(user, Permission.RUN, loader)
    loader = locked_loader(loader)
    if loader.enabled == to:
        return loader, False
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
    return loader, True
