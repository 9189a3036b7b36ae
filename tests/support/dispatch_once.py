"""Processes that dispatch a loader each, all at once.

`python -m tests.support.dispatch_once CODE...` prints a line with what became of each. They are
forked off one that has loaded the portal already; each has a database connection of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.synchronize import Barrier

import django

PATIENCE_SECONDS = 60


def main() -> None:
    """Let all of them begin once the last is ready; the exit code tells whether one broke down."""
    django.setup()
    context = multiprocessing.get_context("fork")
    codes = sys.argv[1:]
    together = context.Barrier(len(codes), timeout=PATIENCE_SECONDS)
    processes = [context.Process(target=dispatch_one, args=(code, together)) for code in codes]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


def dispatch_one(code: str, together: Barrier) -> None:
    """Dispatch with the others; print `dispatched` or the code of the refusal."""
    from core.errors import PortalError
    from execution.models import Trigger
    from execution.services import dispatch
    from loaders.models import Loader

    loader = Loader.objects.get(loader_code=code)
    together.wait()
    outcome = "dispatched"
    try:
        dispatch(loader_id=loader.pk, trigger=Trigger.SCHEDULE)
    except PortalError as error:
        outcome = error.code
    os.write(sys.stdout.fileno(), f"{outcome}\n".encode())


if __name__ == "__main__":
    main()
