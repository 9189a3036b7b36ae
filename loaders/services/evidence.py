"""Evidence packs: asked for at submit, finished by a task, needed by an approval (spec 4)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.roles import Permission, User, may, require
from audit.services import record
from core.clock import database_now
from core.correlation import correlation_id
from loaders.exceptions import (
    EvidenceNotReadyError,
    InvalidTransitionError,
    ValidationFailedError,
    VersionNotFoundError,
)
from loaders.models import Decision, EvidencePack, EvidenceStatus, Loader, LoaderVersion
from loaders.policies import LoaderKind
from loaders.services.reach import require_reach
from loaders.trial_report import TrialReport, fingerprint


def waiting_packs() -> QuerySet[EvidencePack]:
    """Packs that a task should gather: of versions that nobody has decided about yet. Versions
    that were submitted before there were packs get theirs here."""
    lacking = LoaderVersion.objects.filter(
        decision=Decision.PENDING, loader__kind=LoaderKind.SQL, evidence__isnull=True
    )
    EvidencePack.objects.bulk_create(
        [EvidencePack(version=version) for version in lacking.only("pk")], ignore_conflicts=True
    )
    return EvidencePack.objects.filter(
        status=EvidenceStatus.WAITING, version__decision=Decision.PENDING
    ).select_related("version")


@transaction.atomic
def finish_evidence(pack_id: UUID, report: TrialReport) -> bool:
    """Complete a pack that waits; False if it no longer does."""
    pack = EvidencePack.objects.select_for_update(no_key=True).get(pk=pack_id)
    if EvidenceStatus.FINISHED not in EvidencePack.TRANSITIONS[EvidenceStatus(pack.status)]:
        return False
    pack.status = EvidenceStatus.FINISHED
    pack.note = ""
    pack.gathered_at = database_now()
    pack.report = report.to_json()
    pack.save()
    version = pack.version
    record(
        actor=None,
        action="evidence.gathered",
        object_type="loader",
        object_id=version.loader.loader_code,
        after={"version": version.number, "findings": [f.code for f in report.findings]},
    )
    return True


@transaction.atomic
def renew_evidence(*, user: User, version: LoaderVersion) -> EvidencePack:
    """Have the pack of a version that waits for a decision gathered again: the source was away,
    or has been mended since. Until then nobody approves the version.

    Raises PermissionDeniedError, LoaderNotFoundError, InvalidTransitionError.
    """
    if not may(user, Permission.EDIT_LOADERS):
        require(user, Permission.APPROVE)
    require_reach(user, version.loader)
    # As approve does: whoever decides at this very moment goes first, or finds the pack waiting.
    version = LoaderVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    pack = evidence_of(version, lock=True)
    if version.decision != Decision.PENDING:
        raise InvalidTransitionError(
            f"Version {version.number} has been decided about: its evidence stands as it was."
        )
    present, target = EvidenceStatus(pack.status), EvidenceStatus.WAITING
    if target not in EvidencePack.TRANSITIONS[present]:
        message = "The evidence is being gathered already."
        raise InvalidTransitionError.between(message, present, target, EvidencePack.TRANSITIONS)
    pack.status = EvidenceStatus.WAITING
    pack.note, pack.attempts, pack.correlation_id = "", 0, correlation_id()
    pack.save()
    record(
        actor=user,
        action="evidence.renew",
        object_type="loader",
        object_id=version.loader.loader_code,
        after={"version": version.number},
    )
    return pack


def evidence_of(version: LoaderVersion, *, lock: bool = False) -> EvidencePack:
    """The version's pack. Raises VersionNotFoundError for one that has none: an EXTERNAL loader
    asks no source, and so do versions decided about before there were packs."""
    packs = EvidencePack.objects.all()
    if lock:
        packs = packs.select_for_update(no_key=True)
    pack = packs.filter(version=version).first()
    if pack is None:
        raise VersionNotFoundError(f"There is no evidence about version {version.number}.")
    return pack


def check_evidence(version: LoaderVersion, *, comment: str) -> TrialReport:
    """The finished evidence about the very definition that is to be approved.

    Raises EvidenceNotReadyError while there is none, and ValidationFailedError if it holds errors
    and the approver does not say why they approve all the same.
    """
    pack = EvidencePack.objects.filter(version=version).first()
    report = None if pack is None else pack.findings()
    if report is None or report.definition != fingerprint(version.definition):
        waits_for = f" {pack.note}" if pack is not None and pack.note else ""
        raise EvidenceNotReadyError(
            f"The evidence about version {version.number} is not complete yet.{waits_for} A worker "
            "gathers it, usually within a minute."
        )
    if report.errors and not comment.strip():
        message = (
            f"The evidence holds errors ({', '.join(f.code for f in report.errors)}): say in a "
            "comment why you approve all the same."
        )
        raise ValidationFailedError(message, details={"errors": {"comment": [message]}})
    return report


def last_evidence(loader: Loader) -> tuple[int, TrialReport] | None:
    """What was found about the version that was approved last, with its number; None where there
    is no such evidence."""
    packs = EvidencePack.objects.filter(
        version__loader=loader,
        version__decision=Decision.APPROVED,
        status=EvidenceStatus.FINISHED,
    ).select_related("version")
    pack = packs.order_by("-version__number").first()
    report = None if pack is None else pack.findings()
    return None if pack is None or report is None else (pack.version.number, report)


def may_see_evidence(user: User, loader: Loader) -> bool:
    """Whether the user may see what evidence holds of the source's data. Where the source allows no
    trials, only who may approve: submitting must not be a way to look at data at will."""
    if not may(user, Permission.VIEW_SQL):
        return False
    source = loader.source_database
    return may(user, Permission.APPROVE) or (source is not None and source.allow_test_queries)
