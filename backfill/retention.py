"""Retention in this app: scans for gaps go, jobs stay; and what executions must stay for jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from backfill.models import BackfillRun, GapScan, RecountPass
from core.clock import ClockTimestamp
from core.retention import Tell, delete_in_batches, silently
from execution.maintenance.history import register_need
from execution.maintenance.registry import register
from execution.maintenance.schedule import Every
from execution.models import RunStatus

GAP_SCANS = "old gap scans"
_BATCH = 50
"""Scans, each with up to some thousand findings."""


def register_retention() -> None:
    """Enter the job and the need; called once, when Django starts."""
    register(GAP_SCANS, Every(timedelta(days=1)), delete_old_scans)
    register_need(loaders_in_hand)


def count_old_scans() -> int:
    """How many scans are past their retention."""
    return _old_scans().count()


def delete_old_scans(tell: Tell = silently) -> int:
    """Delete scans that began longer than `GAP_SCAN_RETENTION` ago, with their findings; returns
    how many scans."""
    return delete_in_batches(_old_scans(), tell, most=_BATCH)


def loaders_in_hand(before: datetime) -> set[str]:
    """Loaders of which a job or a pass of re-counts has yet to read how an execution from before
    the instant ended."""
    runs = BackfillRun.objects.filter(
        status=RunStatus.RUNNING, load_history__start_time__lt=before
    ).values_list("load_history__loader_id", flat=True)
    passes = RecountPass.objects.filter(execution__start_time__lt=before).values_list(
        "loader_id", flat=True
    )
    return {str(code) for codes in (runs, passes) for code in codes}


def _old_scans() -> QuerySet[GapScan]:
    scans = GapScan.objects.all()
    if not settings.GAP_SCAN_RETENTION:
        return scans.none()
    return scans.filter(started_at__lt=ClockTimestamp() - settings.GAP_SCAN_RETENTION)
