"""The scan for gaps: look, verify what was loaded of late, submit backfills, and tell (spec 9).

It may run twice at once, or end at any point: each backfill is submitted in a transaction of its
own under its loader's row, where a job over the stretch shows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from accounts.roles import SYSTEM, Permission, User, person_of, require
from audit.models import LoaderEvent
from audit.services import record
from backfill.exceptions import BackfillJobExistsError
from backfill.gaps import Fate, Found, LeftOut, Rules, plan
from backfill.models import BackfillJob, GapFinding, GapScan
from backfill.order import LAST
from backfill.services.gap_facts import (
    ORIGIN,
    ScannedLoader,
    gaps_of,
    loaders_of,
    seen_before,
)
from backfill.services.submitting import Wanted, submit
from core.clock import database_now
from core.correlation import correlation_id
from core.errors import PortalError
from core.window import Window
from execution.models import MaintenanceJob
from execution.services import verify_coverage
from execution.services.count_check import loaders_miscounted
from loaders.models import Loader

GAP_SCAN = "gap scan"
"""Name of the maintenance job."""

logger = structlog.get_logger(__name__)

MOST_FINDINGS = 2000
"""Gaps that a scan keeps word of; all are counted."""

KEPT = timedelta(days=90)
"""How long the reports of scans are kept."""

VERIFY_SECONDS = 30.0
"""How long a scan looks into loaders whose signals don't add up; the next one goes on."""


def scan_gaps(*, user: User) -> GapScan:
    """Scan what the user reaches and report. Raises PermissionDeniedError."""
    require(user, Permission.MEND_COVERAGE)
    require(user, Permission.BACKFILL)
    now = database_now()
    rules = Rules(now - settings.GAP_LOOKBACK, settings.GAP_MIN, settings.GAP_MAX_JOBS)
    scan = GapScan.objects.create(
        started_at=now,
        requested_by=person_of(user),
        looked_from=rules.since,
        correlation_id=correlation_id(),
    )
    scanned = loaders_of(user)
    _look_for_lost_signals(scan, user, scanned, rules)
    found = plan(gaps_of(scanned, user, rules.since, now), rules)
    new = _tell_of_new(found, rules.since)
    findings = [_treat(scan, user, scanned, gap, is_new=gap in new) for gap in found]
    _report(scan, user, scanned, findings, len(new))
    return scan


@transaction.atomic
def ask_for_scan(*, user: User) -> None:
    """Let the maintenance cluster scan all loaders as soon as it can, instead of at its time. The
    scan is the system's; the audit trail tells who asked. Raises PermissionDeniedError."""
    require(user, Permission.MEND_COVERAGE)
    require(user, Permission.BACKFILL)
    MaintenanceJob.objects.ask_for(GAP_SCAN)
    record(actor=user, action="gaps.scan.ask", object_type="maintenance_job", object_id=GAP_SCAN)


def scan_as_system() -> int:
    """The maintenance job; returns how many backfills it made. Reports are kept for a while."""
    made = scan_gaps(user=SYSTEM).jobs_made
    GapScan.objects.filter(started_at__lt=database_now() - KEPT).delete()
    return made


def _look_for_lost_signals(
    scan: GapScan, user: User, scanned: dict[str, ScannedLoader], rules: Rules
) -> None:
    """Verify the loaders whose signals are not as many as their executions of late left, and make
    gaps where some are gone; as many as there is time for, and as the scan may submit."""
    reached = {
        code: one.loader for code, one in scanned.items() if one.left_out is not LeftOut.ARCHIVED
    }
    suspects = [reached[code] for code in loaders_miscounted(rules.since) if code in reached]
    scan.loaders_miscounted = len(suspects)
    until = time.monotonic() + VERIFY_SECONDS
    for done, loader in enumerate(suspects):
        if time.monotonic() > until or scan.stretches_lost >= rules.most_jobs:
            scan.loaders_unverified = len(suspects) - done
            return
        scan.stretches_lost += _repair(user, loader, rules.since)


def _repair(user: User, loader: Loader, since: datetime) -> int:
    """How many stretches of the loader were made gaps."""
    parts = verify_coverage(user=user, loader=loader, start=since, repair=True, with_counts=False)
    return sum(one.fault.is_wrong for part in parts for one in part.differences if part.repaired)


def _tell_of_new(found: Sequence[Found], since: datetime) -> set[Found]:
    """An event for each gap that none has told of; what is left of a known one is known."""
    known = seen_before(since)
    new = {
        gap
        for gap in found
        if gap.fate is not Fate.TOO_SHORT
        and not any(
            one.start <= gap.window.start and gap.window.end <= one.end
            for one in known.get(gap.code, ())
        )
    }
    LoaderEvent.objects.bulk_create(
        [
            LoaderEvent(
                kind=LoaderEvent.Kind.GAP_FOUND,
                loader_code=gap.code,
                window_from=gap.window.start,
                window_to=gap.window.end,
                details={"states": list(gap.states), "fate": gap.fate},
                correlation_id=correlation_id(),
            )
            for gap in found
            if gap in new
        ],
        batch_size=1000,
    )
    return new


def _treat(
    scan: GapScan, user: User, scanned: dict[str, ScannedLoader], gap: Found, *, is_new: bool
) -> GapFinding:
    """Submit the gap's backfill if that is its fate; what came of it."""
    finding = GapFinding(
        scan=scan,
        loader_code=gap.code,
        range_from=gap.window.start,
        range_to=gap.window.end,
        states=list(gap.states),
        fate=gap.fate,
        is_new=is_new,
    )
    if gap.fate is Fate.SUBMITTED:
        try:
            finding.job = _submit(user, scanned[gap.code].loader, gap.window)
        except BackfillJobExistsError:
            finding.fate = Fate.IN_HAND
        except PortalError as error:
            error.leave_trace()
            finding.fate = Fate.REFUSED
            finding.error_code, finding.error_message = error.code, error.message
    return finding


@transaction.atomic
def _submit(user: User, loader: Loader, window: Window) -> BackfillJob:
    """A backfill over the gap. Raises BackfillJobExistsError if another scan was faster, and what
    `submit` raises."""
    Loader.objects.select_for_update(no_key=True).only("pk").get(pk=loader.pk)
    active = BackfillJob.objects.active().filter(loader_id=loader.loader_code)
    if (known := active.overlapping(window).first()) is not None:
        raise BackfillJobExistsError(
            f"A backfill of {loader.loader_code} is over the gap already.",
            details={"jobId": str(known.pk)},
        )
    wanted = Wanted(window.start, window.end, priority=LAST, reason="Found by the gap scan.")
    whole = Loader.objects.select_related("source_database", "approved_version").get(pk=loader.pk)
    return submit(user=user, loader=whole, wanted=wanted, origin=ORIGIN)


@transaction.atomic
def _report(
    scan: GapScan,
    user: User,
    scanned: dict[str, ScannedLoader],
    findings: Sequence[GapFinding],
    new: int,
) -> None:
    GapFinding.objects.bulk_create(findings[:MOST_FINDINGS], batch_size=1000)
    left_out = Counter(one.left_out.value for one in scanned.values() if one.left_out)
    scan.loaders_left_out = dict(left_out)
    scan.loaders_scanned = len(scanned) - left_out.total()
    scan.gaps_found, scan.gaps_new = len(findings), new
    scan.gaps_by_fate = dict(Counter(str(finding.fate) for finding in findings))
    scan.ended_at = database_now()
    scan.save()
    record(
        actor=user,
        action="gaps.scan",
        object_type="gap_scan",
        object_id=str(scan.pk),
        after={"found": scan.gaps_found, "new": new, "backfills": scan.jobs_made},
    )
    logger.info("gaps.scanned", found=scan.gaps_found, new=new, backfills=scan.jobs_made)
