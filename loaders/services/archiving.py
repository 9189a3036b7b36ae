"""Archive a loader: it stops, is hidden by default, and its code is never used again (spec 3)."""

from __future__ import annotations

from django.db import transaction

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from loaders.exceptions import LoaderArchivedError
from loaders.models import ApprovalStatus, Loader
from loaders.services.drafting import withdraw_request
from loaders.services.reach import require_on


def locked_loader(loader: Loader) -> Loader:
    """The loader's row, locked and fresh, for a change. Raises LoaderArchivedError."""
    locked = Loader.objects.select_for_update(no_key=True).get(pk=loader.pk)
    if locked.archived_at is not None:
        raise LoaderArchivedError(
            f"{locked.loader_code} was archived and can't be changed. Copy it to go on with it."
        )
    return locked


@transaction.atomic
def archive_loader(*, user: User, loader: Loader) -> Loader:
    """Disable the loader for good and hide it. What runs now ends in its own time; signals,
    versions and history are kept. Raises PermissionDeniedError, LoaderArchivedError."""
    require_on(user, Permission.ARCHIVE, loader)
    loader = locked_loader(loader)
    loader.enabled = False
    loader.archived_at = database_now()
    if loader.approval_status == ApprovalStatus.PENDING_APPROVAL:
        loader.approval_status = ApprovalStatus.DRAFT
    withdraw_request(loader)
    loader.save()
    record(
        actor=user,
        action="loader.archive",
        object_type="loader",
        object_id=loader.loader_code,
    )
    return loader
