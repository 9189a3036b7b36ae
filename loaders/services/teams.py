"""Which teams a loader or a source is granted to."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from accounts import object_access
from accounts.models import Team
from accounts.roles import Permission, User, require
from audit.services import record
from loaders.models import Loader, SourceDatabase


@transaction.atomic
def set_teams(*, user: User, obj: Loader | SourceDatabase, teams: Iterable[Team]) -> list[Team]:
    """Grant the loader or source to exactly these teams; who is granted a source reaches its
    loaders too. An archived loader may be granted. Raises PermissionDeniedError."""
    require(user, Permission.MANAGE_USERS)
    locked = type(obj)._default_manager.select_for_update(no_key=True).get(pk=obj.pk)  # noqa: SLF001
    before = _names(locked)
    object_access.grant(locked, teams)
    after = _names(locked)
    if after != before:
        kind = "loader" if isinstance(locked, Loader) else "source"
        record(
            actor=user,
            action=f"{kind}.grant",
            object_type=kind,
            object_id=str(locked),
            before={"teams": before},
            after={"teams": after},
        )
    return object_access.teams_of(locked)


def _names(obj: Loader | SourceDatabase) -> list[str]:
    return [team.name for team in object_access.teams_of(obj)]
