"""What a governed change does to a loader's approval, and who made one since the last.

Who edited is read from the audit trail, which nobody can alter, and not from a table of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.roles import User
from audit.models import AuditEvent, LoaderEvent
from audit.services import emit, record
from core.clock import database_now
from loaders.models import ApprovalStatus, Decision, Loader, LoaderVersion, SourceDatabase

CREATED = "loader.create"
DRAFTED = "loader.draft"
SUBMITTED = "loader.submit"
COPIED = "loader.copy"
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
    withdraw_request(loader)
    if loader.approval_status != ApprovalStatus.DRAFT:
        loader.approval_status = ApprovalStatus.DRAFT
        loader.approved_version = None
        loader.save()


def withdraw_request(loader: Loader) -> None:
    """Take back the version that waits for a decision, if any. The caller holds the loader's row
    lock."""
    waiting = loader.versions.filter(decision=Decision.PENDING)
    numbers = list(waiting.values_list("number", flat=True))  # at most one, says a constraint
    waiting.update(decision=Decision.WITHDRAWN, decided_at=database_now())
    for number in numbers:
        emit(
            kind=LoaderEvent.Kind.DEFINITION_DECIDED,
            loader_code=loader.loader_code,
            details={"version": number, "decision": Decision.WITHDRAWN},
        )


def has_edited(user: User, loader: Loader) -> bool:
    """Whether the user changed the definition (or its source), or submitted it, since its last
    approval: then somebody else must approve it. Who edited what it was copied from counts too."""
    return _edits_since_approval(loader).filter(actor=user).exists() or (
        _wrote_source_since_approval(user, loader) or _wrote_original(user, loader)
    )


def _wrote_original(user: User, loader: Loader) -> bool:
    """Whether a copy that nobody has approved yet was made of what the user had written, and
    nobody approved before."""
    if _last_approval(loader) is not None:
        return False
    copying = _events(loader, (COPIED,)).first()
    if copying is None:
        return False
    original = Loader.objects.filter(loader_code=copying.before["from"]).first()
    if original is None:
        return False
    edits = _edits_since_approval(original, before=copying.at)
    return edits.filter(actor=user).exists() or _wrote_original(user, original)


def _wrote_source_since_approval(user: User, loader: Loader) -> bool:
    """Whether the user gave the source its present address, and no definition over it was approved
    since: nobody else has looked at it, though the loader came to it only afterwards."""
    source = loader.source_database
    if source is None:
        return False
    wrote = AuditEvent.objects.filter(
        Q(action="source.create") | Q(after__has_any_keys=list(SourceDatabase.GOVERNED)),
        object_type="source",
        object_id=source.db_code,
        action__in=("source.create", "source.update"),
        actor=user,
    )
    approvals = LoaderVersion.objects.filter(
        loader__source_database=source, decision=Decision.APPROVED
    ).order_by("-decided_at")
    last = next((version for version in approvals.iterator() if version.is_sealed()), None)
    return (wrote if last is None else wrote.filter(at__gt=last.decided_at)).exists()


def edited_by(user: User) -> Exists:
    """The same as a condition over versions, for lists: `approve` itself asks `has_edited`."""
    return _edited_since_approval(user, key="loader", code="loader__loader_code")


def drafted_by(user: User) -> Exists:
    """Condition over loaders: the user wrote of the definition since its last approval."""
    return _edited_since_approval(user, key="pk", code="loader_code")


def _edited_since_approval(user: User, *, key: str, code: str) -> Exists:
    """Condition over rows whose fields `key` and `code` name a loader."""
    approved = LoaderVersion.objects.filter(
        loader=OuterRef(OuterRef(key)), decision=Decision.APPROVED
    ).order_by("-number")
    return Exists(
        AuditEvent.objects.filter(
            object_type="loader",
            object_id=OuterRef(code),
            action__in=_EDITS,
            actor=user,
            at__gt=Coalesce(Subquery(approved.values("decided_at")[:1]), _BEGINNING),
        )
    )


def is_drafted_since(loader: Loader, version: LoaderVersion) -> bool:
    """Whether the definition was changed after this version was approved. If so it can't be the
    approved one, whatever its rows say."""
    return _events(loader, (CREATED, DRAFTED)).filter(at__gt=version.decided_at).exists()


def _edits_since_approval(
    loader: Loader, *, before: datetime | None = None
) -> QuerySet[AuditEvent]:
    """The edits of a loader since its last approval, as it stands or as it stood at an instant."""
    events = _events(loader, _EDITS)
    last = _last_approval(loader, before=before)
    if before is not None:
        events = events.filter(at__lt=before)
    return events if last is None else events.filter(at__gt=last.decided_at)


def _last_approval(loader: Loader, *, before: datetime | None = None) -> LoaderVersion | None:
    approvals = loader.versions.filter(decision=Decision.APPROVED).order_by("-number")
    if before is not None:
        approvals = approvals.filter(decided_at__lt=before)
    return next((version for version in approvals if version.is_sealed()), None)


def _events(loader: Loader, actions: tuple[str, ...]) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(
        object_type="loader", object_id=loader.loader_code, action__in=actions
    )
