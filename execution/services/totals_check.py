"""`coverage --verify`: compare a loader's totals by quarter of an hour, which charts of long ranges
are made of, with its signals, and repair them (spec 8, 9).

To compare needs no lock, as one statement reads both. To repair needs two things, since a run
computes the totals within its window before it takes the loader's state row: that row, and that no
run of the loader is at the stretch, which none can begin while the row is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from core.window import Window
from execution.comparison import Difference, Fault
from execution.coverage import CoverageState
from execution.models import LoaderExecutionLock
from execution.services.verification import PartVerified
from loaders.models import Loader, LoaderState
from loaders.services import require_on
from signals.rollup_check import Stale, stale_rollups
from signals.rollups import rebuild

_LOADED = CoverageState.LOADED


def verify_totals(
    *,
    user: User,
    loader: Loader,
    start: datetime | None = None,
    end: datetime | None = None,
    repair: bool = False,
) -> Iterator[PartVerified]:
    """Stretches between two instants (aware UTC, or open) whose totals are not those of the
    signals. With `repair`, they are computed anew from the signals as they stand, each stretch in
    a short transaction that leaves an audit event, but for those that a run is at: what it
    commits has its totals. Raises PermissionDeniedError and LoaderNotFoundError."""
    require_on(user, Permission.MEND_COVERAGE if repair else Permission.VIEW, loader)
    for stale in stale_rollups(loader.loader_code, start, end):
        if repair:
            yield from _repaired(user, loader, stale.window)
        else:
            yield _told(stale.window, [stale], repaired=False)


@transaction.atomic
def _repaired(user: User, loader: Loader, stretch: Window) -> list[PartVerified]:
    """Look again, and repair what still differs; nothing if somebody else has put it right."""
    LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    found = list(stale_rollups(loader.loader_code, stretch.start, stretch.end))
    if not found:
        return []
    at_it = LoaderExecutionLock.objects.active().filter(
        loader=loader, window_from__lt=stretch.end, window_to__gt=stretch.start
    )
    if at_it.exists():
        return [_told(stretch, found, repaired=False)]
    rebuild(loader_code=loader.loader_code, window=stretch)
    record(
        actor=user,
        action="signals.totals_repair",
        object_type="loader",
        object_id=loader.loader_code,
        after={
            "from": stretch.start.isoformat(),
            "to": stretch.end.isoformat(),
            "was": sum(one.told for one in found),
            "is": sum(one.standing for one in found),
        },
    )
    return [_told(stretch, found, repaired=True)]


def _told(stretch: Window, found: Sequence[Stale], *, repaired: bool) -> PartVerified:
    differences = [
        Difference(one.window, Fault.TOTALS, _LOADED, _LOADED, one.told, one.standing)
        for one in found
    ]
    return PartVerified(stretch, differences, repaired=repaired)
