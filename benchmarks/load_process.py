"""A process that does nothing but runs of one loader, and tells how much memory it took.

`python -m benchmarks.load_process LOADER_CODE RUNS` prints one JSON line: kilobytes (Linux) of
the process before the first run, after a tenth of the runs, after all, and at its peak.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
from pathlib import Path

import django

django.setup()

from core.clock import ClockTimestamp  # noqa: E402 - models exist only now
from execution import engine  # noqa: E402
from execution.models import LoadHistory, Replica, RunStatus, Trigger  # noqa: E402
from execution.services import dispatch  # noqa: E402
from loaders.models import Loader, LoaderState  # noqa: E402
from tests.support.scenes import lock_id_of  # noqa: E402


def main(loader_code: str, runs: int) -> None:
    """Load the loader's one window so many times, and print what that took."""
    logging.disable(logging.INFO)
    loader = Loader.objects.get(loader_code=loader_code)
    memory = {"before": kilobytes("VmRSS")}
    for number in range(runs):
        if number == runs // 10:
            memory["warm"] = kilobytes("VmRSS")
        rows = _run(loader)
    memory["after"] = kilobytes("VmRSS")
    memory["peak"] = kilobytes("VmHWM")
    sys.stdout.write(json.dumps({"runs": runs, "rows": rows, **memory}) + "\n")


def kilobytes(field: str) -> int:
    """Memory of this process by a field of Linux's /proc: VmRSS is now, VmHWM the most ever."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1])


def _run(loader: Loader) -> int:
    """One run of the window; how many rows it loaded."""
    Replica.objects.update(heartbeat_at=ClockTimestamp())
    LoaderState.objects.filter(pk=loader.pk).update(last_load_timestamp=None)
    history = dispatch(loader_id=loader.pk, trigger=Trigger.SCHEDULE)
    if not isinstance(history, LoadHistory):
        raise SystemExit(f"no window to load: {history.reason}")
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    if history.status != RunStatus.SUCCESS:
        raise SystemExit(f"{history.error_code}: {history.error_message}")
    return history.records_loaded or 0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
