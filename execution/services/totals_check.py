"""`coverage --verify`: compare a loader's totals by quarter of an hour, which charts of long ranges
are made of, with its signals, and repair them (spec 8, 9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from execution.comparison import Difference, Fault
from execution.coverage import CoverageState
from execution.services.verification import PartVerified
from loaders.models import Loader
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
    signals. With `repair`, they are computed anew from the signals as they stand, and each leaves
    an audit event. Raises PermissionDeniedError and LoaderNotFoundError."""
    require_on(user, Permission.MEND_COVERAGE if repair else Permission.VIEW, loader)
    for stale in stale_rollups(loader.loader_code, start, end):
        if repair:
            _repair(user, loader, stale)
        one = Difference(stale.window, Fault.TOTALS, _LOADED, _LOADED, stale.told, stale.standing)
        yield PartVerified(stale.window, [one], repaired=repair)


@transaction.atomic
def _repair(user: User, loader: Loader, stale: Stale) -> None:
    rebuild(loader_code=loader.loader_code, window=stale.window)
    record(
        actor=user,
        action="signals.totals_repair",
        object_type="loader",
        object_id=loader.loader_code,
        after={
            "from": stale.window.start.isoformat(),
            "to": stale.window.end.isoformat(),
            "was": stale.told,
            "is": stale.standing,
        },
    )
