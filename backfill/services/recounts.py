"""What follows from re-counts: reloads, decisions, and how late records come (spec 9)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.object_access import reachable
from accounts.roles import SYSTEM, Permission, User, person_of
from audit.services import record
from backfill.exceptions import BackfillJobExistsError, RecountNotFoundError
from backfill.late.lateness import Bucket, Counted, histogram, suggested
from backfill.late.plan import joined
from backfill.models import BackfillJob
from backfill.services.submitting import Wanted, submit
from backfill.services.work import bounds_of, settings_of
from core.clock import database_now
from core.errors import PortalError
from core.window import Window
from execution.models import Recount, RecountState
from execution.recount.counting import stretches
from loaders.exceptions import InvalidTransitionError, ValidationFailedError
from loaders.models import Loader
from loaders.services import approved_definition, require_on

logger = structlog.get_logger(__name__)

ORIGIN = "re-count"
_REMEMBERED = timedelta(days=30)
"""How far back re-counts tell about a loader's lateness."""


def settle_found() -> int:
    """Queue the reloads of what re-counts found more of; returns how many re-counts."""
    settled = 0
    found = Recount.objects.filter(state=RecountState.FOUND).values_list("pk", flat=True)
    for recount_id in list(found):
        try:
            settled += _settle(recount_id)
        except PortalError as error:
            logger.warning("recount.not_settled", id=str(recount_id), error_code=error.code)
            connection.close_if_unusable_or_obsolete()
    return settled


@transaction.atomic
def _settle(recount_id: UUID) -> bool:
    recount = _locked(recount_id)
    if recount.state != RecountState.FOUND:
        return False
    _reload(recount, SYSTEM)
    return True


@transaction.atomic
def reload_recount(*, user: User, recount: Recount, reason: str) -> Recount:
    """Load the grains again of which the source now has fewer records than were loaded: a person
    says so, and why. What is replaced becomes an output version.

    Raises PermissionDeniedError, RecountNotFoundError, ValidationFailedError,
    InvalidTransitionError, and what `submit` of a backfill raises.
    """
    recount = _to_decide(user, recount, RecountState.RELOADED, reason)
    _reload(recount, user)
    return recount


@transaction.atomic
def decline_recount(*, user: User, recount: Recount, reason: str) -> Recount:
    """Leave what is loaded as it is, saying why. Raises as `reload_recount`."""
    recount = _to_decide(user, recount, RecountState.DECLINED, reason)
    recount.state = RecountState.DECLINED
    recount.save()
    return recount


def _to_decide(user: User, recount: Recount, target: RecountState, reason: str) -> Recount:
    require_on(user, Permission.BACKFILL, recount.loader)
    if not reason.strip():
        message = "Say why; the audit trail keeps it."
        raise ValidationFailedError(message, details={"errors": {"reason": [message]}})
    recount = _locked(recount.pk)
    if (
        recount.state != RecountState.WAITS
        or target not in Recount.TRANSITIONS[RecountState(recount.state)]
    ):
        raise InvalidTransitionError.between(
            "The re-count does not wait for a decision.",
            RecountState(recount.state),
            target,
            Recount.TRANSITIONS,
        )
    recount.decided_by = person_of(user)
    recount.decided_at = database_now()
    recount.reason = reason.strip()
    record(
        actor=user,
        action="recount.decide",
        object_type="loader",
        object_id=recount.loader_id,
        after={"recountId": str(recount.pk), "decision": target, "reason": recount.reason},
    )
    return recount


def _reload(recount: Recount, user: User) -> None:
    """Backfills over the grains that differ and that the source still has; one that is under way
    already serves as well."""
    loader = recount.loader
    windows = _still_kept(loader, _differing(recount))
    if not windows:
        _nothing_left(recount)
        return
    for window in joined(windows):
        wanted = Wanted(
            from_time=window.start,
            to_time=window.end,
            reason=f"A re-count found other records than were loaded: {recount.late_records} came "
            f"late, {recount.lost_records} are gone.",
        )
        try:
            with transaction.atomic():
                job = submit(user=user, loader=loader, wanted=wanted, origin=ORIGIN)
        except BackfillJobExistsError as error:
            recount.reloads.append(str(error.details["jobId"]))
        else:
            recount.reloads.append(str(job.pk))
    recount.state = RecountState.RELOADED
    recount.save()


def _differing(recount: Recount) -> list[Window]:
    """The stretches to load again: on the grain of the version that counted, whatever was approved
    since; where the list was cut, all that follows it."""
    history = recount.load_history
    assert history.version is not None  # none but a trial is without
    grain = settings_of(recount.loader, history.version).grain
    windows = stretches(recount.differences, grain)
    if recount.is_cut:
        windows.append(Window(windows.pop().start, history.query_to_time))
    return windows


def _still_kept(loader: Loader, windows: list[Window]) -> list[Window]:
    """What of the stretches the source's retention has left."""
    _, definition = approved_definition(loader)
    bounds = bounds_of(loader, definition.settings(), database_now())
    if bounds.oldest is None:
        return windows
    first = bounds.plan.grain.ceil(bounds.oldest)
    return [Window(max(one.start, first), one.end) for one in windows if one.end > first]


def _nothing_left(recount: Recount) -> None:
    message = "The source no longer has that time: what is loaded stays."
    if recount.state == RecountState.WAITS:
        raise ValidationFailedError(message)
    recount.state = RecountState.DECLINED
    recount.reason = message
    recount.save()


def _locked(recount_id: UUID) -> Recount:
    rows = Recount.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("loader").get(pk=recount_id)


def recounts_of(user: User) -> QuerySet[Recount]:
    """The re-counts of loaders that the user reaches, newest first."""
    found = reachable(user, Recount.objects.all())
    return found.select_related("loader", "load_history", "decided_by")


def get_recount(recount_id: UUID, *, user: User) -> Recount:
    """Raises RecountNotFoundError."""
    found = recounts_of(user).filter(pk=recount_id).first()
    if found is None:
        raise RecountNotFoundError(f"There is no re-count {recount_id}.")
    return found


def reloads_of(recount: Recount) -> QuerySet[BackfillJob]:
    """The backfills that a re-count led to."""
    return BackfillJob.objects.filter(pk__in=recount.reloads)


def lateness_of(loader: Loader) -> tuple[list[Bucket], timedelta | None]:
    """How late the loader's records came in the last 30 days by pass, and the lateness that would
    have caught them, if another than its own."""
    since = database_now() - _REMEMBERED
    rows = Recount.objects.filter(loader=loader, load_history__start_time__gte=since).values_list(
        "age_seconds", "found_records", "late_records"
    )
    counted = [Counted(timedelta(seconds=age), found, late) for age, found, late in rows.iterator()]
    lateness = timedelta(seconds=loader.lateness_seconds)
    buckets = histogram(lateness, settings.RECOUNT_AGES, counted)
    return buckets, suggested(buckets)
