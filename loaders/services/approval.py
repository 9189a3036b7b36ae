"""Submit, approve, reject: a second person approves exactly what was submitted (spec 3)."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.roles import Permission, User, require_person
from audit.models import LoaderEvent
from audit.services import emit, record
from core.clock import database_now
from core.correlation import correlation_id
from core.errors import PortalError
from core.keyring import DecryptionError, LostKeyError
from loaders.definition import Definition
from loaders.exceptions import (
    DefinitionTamperedError,
    InvalidTransitionError,
    SelfApprovalError,
    ValidationFailedError,
)
from loaders.models import (
    ApprovalStatus,
    Decision,
    EvidencePack,
    Loader,
    LoaderState,
    LoaderVersion,
    SourceDatabase,
)
from loaders.policies import LoaderKind
from loaders.rules import capture_errors, documentation_errors
from loaders.services.archiving import locked_loader
from loaders.services.drafting import SUBMITTED, has_edited
from loaders.services.evidence import check_evidence
from loaders.services.reach import require_on
from loaders.validation import check, check_runnable, check_statement

logger = structlog.get_logger(__name__)


@transaction.atomic
def submit(*, user: User, loader: Loader, note: str = "") -> LoaderVersion:
    """Freeze the draft as a numbered version that waits for a second person, who is shown the note.

    Raises PermissionDeniedError, LoaderNotFoundError, InvalidTransitionError,
    ValidationFailedError, SqlInvalidError.
    """
    require_on(user, Permission.EDIT_LOADERS, loader)
    require_person(user)
    loader = _locked(loader)
    _move(loader, ApprovalStatus.PENDING_APPROVAL)
    check(loader, forbidden=_missing(loader))
    if loader.kind == LoaderKind.SQL:
        check_runnable(loader)
        check_statement(loader)
    last = loader.versions.order_by("-number").values_list("number", flat=True).first()
    number = (last or 0) + 1
    definition = Definition.of(loader)
    version = LoaderVersion.objects.create(
        loader=loader,
        number=number,
        definition=definition.values,
        digest=definition.digest(number),
        submitted_by=user,
        note=note.strip(),
    )
    loader.save()
    if loader.kind == LoaderKind.SQL:
        EvidencePack.objects.create(version=version, correlation_id=correlation_id())
    _tell(loader, version, user, SUBMITTED)
    return version


@transaction.atomic
def approve(
    *, user: User, loader: Loader, comment: str = "", version: int | None = None
) -> LoaderVersion:
    """Approve the waiting version. Nobody approves what they edited; superusers included.
    `version` is the number that the user looked at: no other is approved in its place.

    Raises PermissionDeniedError, LoaderNotFoundError, InvalidTransitionError, SelfApprovalError,
    EvidenceNotReadyError, ValidationFailedError (evidence with errors needs a comment), and
    DefinitionTamperedError if the rows are not what was submitted.
    """
    require_on(user, Permission.APPROVE, loader)
    loader = _locked(loader)
    _require_undecided(loader, version, Decision.APPROVED)
    _move(loader, ApprovalStatus.APPROVED)
    waiting = _pending(loader, version)
    if waiting.submitted_by_id == user.pk or has_edited(user, loader):
        raise SelfApprovalError(
            f"You edited {loader.loader_code} since its last approval: a second person must "
            "approve it."
        )
    if not _is_as_submitted(loader, waiting):
        raise DefinitionTamperedError(
            f"The definition of {loader.loader_code} was altered outside the portal after it was "
            "submitted. Save and submit it again.",
            loader_code=loader.loader_code,
        )
    if loader.kind == LoaderKind.SQL:
        check_evidence(waiting, comment=comment)
    _decide(waiting, Decision.APPROVED, user, comment)
    loader.approved_version = waiting
    loader.save()
    LoaderState.objects.filter(loader=loader).update(next_due_at=database_now())
    _tell(loader, waiting, user, "loader.approve")
    return waiting


@transaction.atomic
def reject(
    *, user: User, loader: Loader, comment: str, version: int | None = None
) -> LoaderVersion:
    """Reject the waiting version; a comment is needed so that its author knows why. `version` as
    for `approve`.

    Raises PermissionDeniedError, LoaderNotFoundError, ValidationFailedError,
    InvalidTransitionError, DefinitionTamperedError.
    """
    require_on(user, Permission.APPROVE, loader)
    if not comment.strip():
        raise ValidationFailedError(
            "Say in a comment why you reject it.",
            details={"errors": {"comment": ["A comment is needed."]}},
        )
    loader = _locked(loader)
    _require_undecided(loader, version, Decision.REJECTED)
    _move(loader, ApprovalStatus.REJECTED)
    waiting = _pending(loader, version)
    _decide(waiting, Decision.REJECTED, user, comment)
    loader.save()
    _tell(loader, waiting, user, "loader.reject")
    return waiting


def expire_stale_requests() -> int:
    """Return to draft what has waited for a decision longer than `REQUEST_LIFETIME`: an approver
    should not decide about what nobody remembers. Returns how many."""
    oldest = timezone.now() - settings.REQUEST_LIFETIME
    stale = LoaderVersion.objects.filter(decision=Decision.PENDING, submitted_at__lt=oldest)
    expired = 0
    for loader in list(Loader.objects.filter(versions__in=stale)):
        try:
            expired += _expire(loader, oldest)
        except PortalError as error:  # one loader's fault keeps no other request waiting
            logger.warning(
                "request.not_expired", loader_code=loader.loader_code, error_code=error.code
            )
    return expired


@transaction.atomic
def _expire(loader: Loader, oldest: datetime) -> bool:
    loader = _locked(loader)
    version = loader.versions.filter(decision=Decision.PENDING, submitted_at__lt=oldest).first()
    if version is None:
        return False
    _move(loader, ApprovalStatus.DRAFT)
    _settle(version, Decision.EXPIRED)
    version.save()
    loader.save()
    _tell(loader, version, None, "loader.request_expired")
    return True


def _missing(loader: Loader) -> dict[str, str]:
    """What a definition lacks before it is put to somebody: a place for the raw rows that it keeps,
    and the documentation that a test loader needs none of."""
    errors = capture_errors(captures=loader.raw_capture, has_place=bool(settings.RAW_CAPTURE_URL))
    if loader.is_test:
        return errors
    return errors | documentation_errors(loader.description, loader.owning_team, loader.contact)


def _is_as_submitted(loader: Loader, version: LoaderVersion) -> bool:
    try:
        return Definition.of(loader).matches(version.digest, version.number)
    except LostKeyError:
        raise
    except DecryptionError:
        return False


def _locked(loader: Loader) -> Loader:
    """The loader and its source, both locked, the source first: nobody edits either meanwhile.
    Raises LoaderArchivedError."""
    present = Loader.objects.values_list("source_database_id", flat=True).get(pk=loader.pk)
    source = SourceDatabase.objects.select_for_update(no_key=True).filter(pk=present).first()
    locked = locked_loader(loader)
    if locked.source_database_id != present:
        raise InvalidTransitionError(
            f"{locked.loader_code} was edited at this very moment. Look at it again."
        )
    locked.source_database = source
    return locked


def _move(loader: Loader, target: ApprovalStatus) -> None:
    present = ApprovalStatus(loader.approval_status)
    if target not in Loader.TRANSITIONS[present]:
        raise InvalidTransitionError.between(
            f"{loader.loader_code} is {present.label.lower()}; from there it can't become "
            f"{target.label.lower()}.",
            present,
            target,
            Loader.TRANSITIONS,
        )
    loader.approval_status = target


def decision_text(version: LoaderVersion) -> str:
    """What became of a version that no longer waits: who decided what, and when (UTC)."""
    code, at = version.loader.loader_code, version.decided_at
    when = f" at {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""
    decision = Decision(version.decision)
    named = f"Version {version.number} of {code}"
    if decision in {Decision.APPROVED, Decision.REJECTED} and version.decided_by is not None:
        by = version.decided_by.get_username()
        return f"{named} was {decision.label.lower()} by {by}{when}."
    return f"{named} no longer waits: {decision.label.lower()}{when}."


def _require_undecided(loader: Loader, number: int | None, target: Decision) -> None:
    """Who comes second is told who was first. Raises InvalidTransitionError for the version that
    was looked at, once it was approved or rejected, or no version waits any more."""
    if number is None:
        return
    looked_at = loader.versions.filter(number=number).select_related("decided_by", "loader").first()
    if looked_at is None or looked_at.decision == Decision.PENDING:
        return
    is_final = looked_at.decision in {Decision.APPROVED, Decision.REJECTED}
    if is_final or loader.approval_status != ApprovalStatus.PENDING_APPROVAL:
        raise InvalidTransitionError.between(
            decision_text(looked_at),
            Decision(looked_at.decision),
            target,
            LoaderVersion.TRANSITIONS,
        )


def _pending(loader: Loader, number: int | None) -> LoaderVersion:
    """The version that waits. Raises InvalidTransitionError unless it has the number, if any, and
    DefinitionTamperedError if none waits though the loader says so."""
    versions = loader.versions.select_for_update(no_key=True)
    waiting = versions.filter(decision=Decision.PENDING).first()
    if waiting is None:
        raise DefinitionTamperedError(
            f"The version of {loader.loader_code} that waits was altered outside the portal. Save "
            "and submit it again.",
            loader_code=loader.loader_code,
        )
    if number not in {None, waiting.number}:
        raise InvalidTransitionError(
            f"{loader.loader_code} was submitted anew as version {waiting.number} meanwhile; look "
            "at it."
        )
    return waiting


def _decide(version: LoaderVersion, decision: Decision, user: User, comment: str) -> None:
    _settle(version, decision)
    version.decided_by = user
    version.comment = comment
    if decision == Decision.APPROVED:
        version.approval_seal = version.seal()
    version.save()


def _settle(version: LoaderVersion, decision: Decision) -> None:
    """A decision is written once. Raises InvalidTransitionError for a version that has one."""
    present = Decision(version.decision)
    if decision not in LoaderVersion.TRANSITIONS.get(present, ()):
        message = f"Version {version.number} has been decided about already."
        raise InvalidTransitionError.between(message, present, decision, LoaderVersion.TRANSITIONS)
    version.decision = decision
    version.decided_at = database_now()


def _tell(loader: Loader, version: LoaderVersion, user: User, action: str) -> None:
    facts = {"version": version.number, "decision": version.decision, "comment": version.comment}
    if version.note:
        facts["note"] = version.note
    record(
        actor=user,
        action=action,
        object_type="loader",
        object_id=loader.loader_code,
        after=facts,
    )
    if version.decision != Decision.PENDING:
        emit(
            kind=LoaderEvent.Kind.DEFINITION_DECIDED,
            loader_code=loader.loader_code,
            details={"version": version.number, "decision": version.decision},
        )
