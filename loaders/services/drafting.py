"""What a governed change does to a loader's approval, and who made one since the last.

Who edited is read from the audit trail, which nobody can alter, and not from a table of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.roles import User
from audit.models import AuditEvent
from audit.services import record
from core.clock import database_now
from loaders.models import ApprovalStatus, Decision, Loader, LoaderVersion

CREATED = "loader.create"
DRAFTED = "loader.draft"
SUBMITTED = "loader.submit"
_EDITS = (CREATED, DRAFTED, SUBMITTED)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def return_to_draft(loader: Loader, *, user: User, because: str) -> None:
    """Take the approval (or the pending request) back and remember the editor. The caller holds
    the loader's row lock and saves nothing else of it afterwards than what it changed."""
    record(
        actor=user,
        action=DRAFTED,
        object_type="loader",
        object_id=loader.loader_code,
        before={"approvalStatus": loader.approval_status},
        after={"because": because},
    )
    loader.versions.filter(decision=Decision.PENDING).update(
        decision=Decision.WITHDRAWN, decided_at=database_now()
    )
    if loader.approval_status != ApprovalStatus.DRAFT:
        loader.approval_status = ApprovalStatus.DRAFT
        loader.approved_version = None
        loader.save()


def has_edited(user: User, loader: Loader) -> bool:
    """Whether the user changed the definition (or its source), or submitted it, since its last
    approval: then somebody else must approve it."""
    return _edits_since_approval(loader, _EDITS).filter(actor=user).exists()


def edited_by(user: User) -> Exists:
    """The same as a condition over versions, for lists: `approve` itself asks `has_edited`."""
    approved = LoaderVersion.objects.filter(
        loader=OuterRef(OuterRef("loader")), decision=Decision.APPROVED
    ).order_by("-number")
    return Exists(
        AuditEvent.objects.filter(
            object_type="loader",
            object_id=OuterRef("loader__loader_code"),
            action__in=_EDITS,
            actor=user,
            at__gt=Coalesce(Subquery(approved.values("decided_at")[:1]), _BEGINNING),
        )
    )


def is_drafted_since(loader: Loader, version: LoaderVersion) -> bool:
    """Whether the definition was changed after this version was approved. If so it can't be the
    approved one, whatever its rows say."""
    return _events(loader, (CREATED, DRAFTED)).filter(at__gt=version.decided_at).exists()


def _edits_since_approval(loader: Loader, actions: tuple[str, ...]) -> QuerySet[AuditEvent]:
    events = _events(loader, actions)
    approvals = loader.versions.filter(decision=Decision.APPROVED).order_by("-number")
    last = next((version for version in approvals if version.is_sealed()), None)
    return events if last is None else events.filter(at__gt=last.decided_at)


def _events(loader: Loader, actions: tuple[str, ...]) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(
        object_type="loader", object_id=loader.loader_code, action__in=actions
    )
