"""An operator moves a watermark, with a reason (spec 5)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader, LoaderState
from loaders.rules import EARLIEST, LATEST
from loaders.services.archiving import locked_loader
from loaders.services.reach import require_on


@transaction.atomic
def move_watermark(
    *, user: User, loader: Loader, watermark: datetime | None, reason: str
) -> LoaderState:
    """Let the next run continue from here (aware), or from the loader's start for None; it is due
    at once. A run under way is called off: what it read was planned from the old watermark.
    Signals that stand are replaced or kept as the loader's purge strategy says; under
    FAIL_ON_DUPLICATE the next run that meets some fails and holds the loader.

    Raises PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError, ValidationFailedError.
    """
    require_on(user, Permission.RUN, loader)
    _check(watermark, reason)
    locked_loader(loader)
    state = LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)
    before = state.last_load_timestamp
    state.last_load_timestamp = watermark
    state.next_due_at = database_now()
    state.save()
    record(
        actor=user,
        action="loader.watermark",
        object_type="loader",
        object_id=loader.loader_code,
        before={"watermark": _text(before)},
        after={"watermark": _text(watermark), "reason": reason},
    )
    return state


def _check(watermark: datetime | None, reason: str) -> None:
    errors: dict[str, list[str]] = {}
    if not reason.strip():
        errors["reason"] = ["Say why: the audit trail keeps it."]
    if watermark is not None and (watermark.tzinfo is None or not EARLIEST <= watermark <= LATEST):
        errors["watermark"] = ["Give an instant with its offset, from 1970 to 2200."]
    if errors:
        fields = ", ".join(sorted(errors))
        raise ValidationFailedError(f"Please correct: {fields}.", details={"errors": errors})


def _text(watermark: datetime | None) -> str | None:
    return None if watermark is None else watermark.isoformat()
