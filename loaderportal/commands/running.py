"""`manage.py loader run`: start a run now and, if wanted, see it through."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from accounts.commands import Act, Answer, Call, ExitCode, Progress
from accounts.commands.exit_codes import InterruptedByPersonError, WaitTimedOutError
from accounts.roles import Permission
from core.display import window_text
from execution.api import ExecutionRow
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services import run_now
from loaderportal.commands.naming import add_code, loader_of
from loaderportal.commands.reading import execution_fields

_LOOK_SECONDS = 0.5
_ENDINGS = {RunStatus.FAILED: ExitCode.FAILED, RunStatus.CANCELLED: ExitCode.CANCELLED}


class RunLoader(Act):
    """Dispatch the loader's next window."""

    name = "run"
    help = (
        "Run a loader now: hand its next window to the workers and print the execution's id. "
        "With --wait, follow it to its end; Ctrl-C then leaves the run alone."
    )
    example = "manage.py loader run PAYMENTS_HOURLY --wait --timeout 600 --as amal"
    needs = Permission.RUN

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_code(parser)
        parser.add_argument(
            "--wait", action="store_true", help="until the run has ended; its status decides"
        )
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="how long to wait at most (for ever)"
        )

    def run(self, call: Call) -> Answer:
        loader = loader_of(call)
        execution = run_now(user=call.user, loader=loader, trigger=Trigger.MANUAL)
        if not call.options["wait"]:
            started: dict[str, Any] = {
                "execution_id": execution.pk,
                "status": execution.status,
                "start_time": execution.start_time,
            }
            return Answer(started, str(execution.pk))
        follow(execution, progress=call.progress, timeout=call.options["timeout"])
        document = ExecutionRow(execution, context={"request": call}).data
        exit_code = _ENDINGS.get(RunStatus(execution.status), ExitCode.DONE)
        return Answer(document, execution_fields(execution), exit_code)


def follow(execution: LoadHistory, *, progress: Progress, timeout: float | None = None) -> None:
    """Refresh the execution until it has ended, at most for so many seconds; it is only looked at.
    Raises WaitTimedOutError, and InterruptedByPersonError on Ctrl-C: the run goes on after both.
    """
    began = time.monotonic()
    goes_on = f"Execution {execution.pk} goes on; cancel it in the console if it should not."
    try:
        while execution.status == RunStatus.RUNNING:
            waited = time.monotonic() - began
            if timeout is not None and waited >= timeout:
                raise WaitTimedOutError(f"Not ended within {timeout:g} s. {goes_on}")
            progress.say(_line(execution))
            time.sleep(_LOOK_SECONDS)
            execution.refresh_from_db()
    except KeyboardInterrupt:
        raise InterruptedByPersonError(f"Stopped waiting. {goes_on}") from None
    progress.say(_line(execution))


def _line(execution: LoadHistory) -> str:
    window = window_text(execution.query_from_time, execution.query_to_time)
    return f"{execution.loader_id} {window} UTC: {execution.shown_status.lower()}"
