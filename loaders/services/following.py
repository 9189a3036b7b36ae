"""Following what happens to loaders: the outbox, as far as the user reaches (spec 2, 10)."""

from __future__ import annotations

from collections.abc import Collection

from accounts.object_access import is_restricted
from accounts.roles import Permission, User, require
from audit import outbox
from audit.models import LoaderEvent
from audit.outbox import Page, Position
from loaders.models import Loader
from loaders.services.definitions import get_loader

FROM_NOW_ON = "latest"
"""What a follower gives as `after` who wants no event that was before."""


def follow_events(
    *,
    user: User,
    after: str = "",
    limit: int,
    kinds: Collection[str] = (),
    loader_code: str = "",
) -> Page:
    """The next events behind a cursor, oldest first, of loaders that the user reaches; an empty
    cursor begins with the oldest that is kept. What a grant adds later is not told again.

    Raises PermissionDeniedError, LoaderNotFoundError, EventCursorInvalidError, EventsExpiredError,
    EventsReplacedError.
    """
    require(user, Permission.VIEW)
    if after == FROM_NOW_ON:
        return Page((), outbox.newest(), has_more=False)
    wanted = LoaderEvent.objects.all()
    if loader_code:
        wanted = wanted.filter(loader_code=get_loader(loader_code, user=user).loader_code)
    elif is_restricted(user):
        reached = Loader.objects.visible_to(user).values("loader_code")
        wanted = wanted.filter(loader_code__in=reached)
    if kinds:
        wanted = wanted.filter(kind__in=kinds)
    return outbox.read(wanted, after=Position.of_cursor(after) if after else None, limit=limit)
