"""Models of the backfill app."""

from backfill.models.gap_scan import GapFinding, GapScan
from backfill.models.job import BackfillJob
from backfill.models.recount_pass import RecountPass
from backfill.models.run import BackfillRun

__all__ = ["BackfillJob", "BackfillRun", "GapFinding", "GapScan", "RecountPass"]
