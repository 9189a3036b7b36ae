"""A process that scans for gaps as the maintenance cluster does, and tells what that took.

`python -m benchmarks.scan_process` prints one JSON line.
"""

from __future__ import annotations

import json
import logging
import sys
import time

import django

django.setup()

from accounts.roles import SYSTEM  # noqa: E402 - models exist only now
from backfill.services.gap_scan import scan_gaps  # noqa: E402
from benchmarks.load_process import kilobytes  # noqa: E402


def main() -> None:
    """Scan once."""
    logging.disable(logging.INFO)
    started = time.perf_counter()
    scan = scan_gaps(user=SYSTEM)
    seconds = time.perf_counter() - started
    said = {
        "seconds": seconds,
        "peak": kilobytes("VmHWM"),
        "loaders": scan.loaders_scanned,
        "gaps": scan.gaps_found,
        "jobs": scan.jobs_made,
        "lost": scan.stretches_lost,
        "miscounted": scan.loaders_miscounted,
        "fates": scan.gaps_by_fate,
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
