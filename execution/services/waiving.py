"""A person declares a gap to be none, and takes that back (spec 9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn
from uuid import UUID

from django.db import transaction

from accounts.object_access import reaches
from accounts.roles import Permission, User, person_of, require
from audit.services import record
from core.clock import database_now
from core.window import Window
from execution.coverage import GAPS, Interval, complete, uncovered, waive, withdraw
from execution.exceptions import GapNotFoundError, WaiverNotFoundError, WaiverWithdrawnError
from execution.models import GapWaiver
from execution.services.coverage import locked_coverage, replace_coverage
from execution.services.time_line import TimeLine, grain_of, time_line_of
from loaders.exceptions import LoaderArchivedError, ValidationFailedError
from loaders.grain import Grain
from loaders.models import Loader, LoaderState
from loaders.services import require_on

_STAMP = "%Y-%m-%dT%H:%M:%SZ"


@transaction.atomic
def waive_gaps(*, user: User, loader: Loader, window: Window, reason: str) -> list[GapWaiver]:
    """Waive what of the window is a gap, and nothing else; one waiver an unbroken stretch. The gap
    scanner leaves it alone from then on; rows that are loaded later count all the same.

    A run that commits meanwhile comes before or after, never in between: what it loaded first is
    no gap any more. Raises PermissionDeniedError, LoaderNotFoundError, LoaderArchivedError,
    ValidationFailedError (no reason, off the grain, beyond the watermark), GapNotFoundError.
    """
    require_on(user, Permission.MEND_COVERAGE, loader)
    require_reason(reason)
    state = _locked_state(loader)
    line = time_line_of(loader, state, database_now())
    _check_end(window, line)
    if line is None or (inside := line.cut(window.start, window.end)) is None:
        raise _no_gap_of(loader)
    stored, present = locked_coverage(loader.loader_code, inside)
    gaps = gaps_in(present, inside, line)
    _check_stretch(window, grain_of(loader), line, present)
    if not gaps:
        raise _no_gap_of(loader)
    becomes = present
    for gap in gaps:
        becomes = waive(becomes, gap)
    replace_coverage(loader.loader_code, stored, becomes)
    waivers = GapWaiver.objects.bulk_create(
        GapWaiver(
            loader=loader,
            range_from=gap.start,
            range_to=gap.end,
            reason=reason.strip(),
            waived_by=person_of(user),
            waived_at=database_now(),
        )
        for gap in gaps
    )
    for waiver in waivers:
        _tell(user, "gap.waive", waiver, reason)
    return waivers


@transaction.atomic
def withdraw_waiver(*, user: User, waiver_id: UUID, reason: str) -> GapWaiver:
    """Take a waiver back: what of its stretch is still waived is a gap again, and the next scan
    loads it. Raises PermissionDeniedError, WaiverNotFoundError, WaiverWithdrawnError,
    ValidationFailedError."""
    require(user, Permission.MEND_COVERAGE)
    require_reason(reason)
    waiver = get_waiver(waiver_id, user=user)
    _locked_state(waiver.loader)
    withdrawn = GapWaiver.objects.standing().filter(pk=waiver_id)
    if not withdrawn.update(
        withdrawn_at=database_now(), withdrawn_by=person_of(user), withdrawal_reason=reason.strip()
    ):
        raise WaiverWithdrawnError("The waiver was withdrawn before.")
    stored, present = locked_coverage(waiver.loader_id, waiver.window)
    becomes = present
    for alone in uncovered(waiver.window, _others(waiver)):
        becomes = withdraw(becomes, alone)
    replace_coverage(waiver.loader_id, stored, becomes)
    _tell(user, "gap.unwaive", waiver, reason)
    waiver.refresh_from_db()
    return waiver


def get_waiver(waiver_id: UUID, *, user: User) -> GapWaiver:
    """The waiver, for somebody who reaches its loader. Raises WaiverNotFoundError."""
    waiver = (
        GapWaiver.objects.select_related("loader__source_database").filter(pk=waiver_id).first()
    )
    if waiver is None or not reaches(user, waiver):
        raise WaiverNotFoundError(f"There is no waiver {waiver_id}.")
    return waiver


def gaps_in(present: Iterable[Interval], stretch: Window, line: TimeLine) -> list[Window]:
    """Unbroken stretches in which there are only gaps, failed, missing or unverified alike."""
    found: list[Window] = []
    for part in complete(list(present), stretch.start, line.settled_until, stretch.end):
        if part.state not in GAPS or line.settled_until is None:
            continue
        end = min(part.window.end, line.settled_until)
        if part.window.start >= end:
            continue
        if found and found[-1].end == part.window.start:
            found[-1] = Window(found[-1].start, end)
        else:
            found.append(Window(part.window.start, end))
    return found


def require_reason(reason: str) -> None:
    """Raise ValidationFailedError unless there is one: the audit trail keeps it."""
    if not reason.strip():
        _refuse("reason", "Say why: the audit trail keeps it.")


def _check_end(window: Window, line: TimeLine | None) -> None:
    """The stretch ends at the watermark at the latest; what lies beyond is not missing yet."""
    watermark = None if line is None else line.watermark
    if watermark is None:
        _refuse("to_time", "The loader has no watermark yet: nothing of it is missing.")
    if window.end > watermark:
        _refuse("to_time", f"The watermark is {watermark:{_STAMP}}; end there at the latest.")


def _check_stretch(
    window: Window, grain: Grain, line: TimeLine, present: Iterable[Interval]
) -> None:
    """Bounds lie on grains, or where something stored begins or ends: the grain may have been
    changed since. The grain of the watermark is loaded again anyway."""
    known = {bound for one in present for bound in (one.window.start, one.window.end)}
    for name, bound in (("from_time", window.start), ("to_time", window.end)):
        is_settled = line.settled_until is None or bound < line.settled_until
        if is_settled and bound not in known and not grain.is_boundary(bound):
            example = f"{grain.floor(bound):{_STAMP}}"
            _refuse(name, f"Give a boundary of the loader's grain, such as {example}.")


def _no_gap_of(loader: Loader) -> GapNotFoundError:
    return GapNotFoundError(f"Nothing of the stretch is a gap of {loader.loader_code}.")


def _refuse(field: str, message: str) -> NoReturn:
    raise ValidationFailedError(f"Please correct: {field}.", details={"errors": {field: [message]}})


def _locked_state(loader: Loader) -> LoaderState:
    """The state row, locked: dispatch, commit and failure of the loader wait."""
    if loader.archived_at is not None:
        raise LoaderArchivedError(f"{loader.loader_code} was archived; its coverage stands.")
    return LoaderState.objects.select_for_update(no_key=True).get(pk=loader.pk)


def _others(waiver: GapWaiver) -> list[Window]:
    """What other waivers still say about parts of the stretch: it was a gap twice."""
    others = GapWaiver.objects.standing().filter(
        loader_id=waiver.loader_id,
        range_from__lt=waiver.range_to,
        range_to__gt=waiver.range_from,
    )
    return [other.window for other in others]


def _tell(user: User, action: str, waiver: GapWaiver, reason: str) -> None:
    record(
        actor=user,
        action=action,
        object_type="loader",
        object_id=waiver.loader_id,
        after={
            "waiverId": str(waiver.pk),
            "from": waiver.range_from.isoformat(),
            "to": waiver.range_to.isoformat(),
            "reason": reason.strip(),
        },
    )
