"""The scan for gaps among the maintenance jobs (spec 9)."""

from __future__ import annotations

from django.conf import settings

from backfill.services.gap_scan import GAP_SCAN, scan_as_system
from execution.maintenance.registry import register
from execution.maintenance.schedule import Every


def register_scan() -> None:
    """Enter the job; called once, when Django starts."""
    register(GAP_SCAN, Every(settings.GAP_SCAN_INTERVAL), scan_as_system)
