"""The page of an execution in whole: what can be done about it, and the backfill it belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.http import urlencode

from accounts.admin_actions import PageAction
from accounts.roles import Permission, User
from backfill.admin import submit_address
from backfill.models import BackfillRun
from core.window import Window
from execution.admin import CANCEL, ExecutionAdmin
from execution.models import LoadHistory, RunStatus, Trigger
from loaderportal.explorer_page import explorer_address
from loaders.models import ApprovalStatus
from loaders.policies import LoaderKind


def _may_be_backfilled(_: User, execution: LoadHistory) -> str:
    loader = execution.loader
    if execution.status == RunStatus.RUNNING:
        return "It is under way."
    if loader.kind != LoaderKind.SQL:
        return "Another system posts its signals."
    if loader.approval_status != ApprovalStatus.APPROVED:
        return "Only an approved definition can run."
    return "" if loader.enabled else "Its loader is disabled."


def _backfill_address(execution: LoadHistory) -> str:
    bounds = {"from": execution.query_from_time, "to": execution.query_to_time}
    window = urlencode({name: at.strftime("%Y-%m-%dT%H:%M:%S") for name, at in bounds.items()})
    return f"{submit_address(execution.loader)}&{window}"


RETRY_AS_BACKFILL = PageAction(
    "retry-as-backfill",
    "Retry as backfill",
    "update",
    Permission.BACKFILL,
    _may_be_backfilled,
    link=_backfill_address,
)


class ExecutionPageAdmin(ExecutionAdmin):
    """Executions with what lies around them."""

    page_actions = (CANCEL, RETRY_AS_BACKFILL)

    def links(self, user: User, execution: LoadHistory) -> Iterable[tuple[str, str]]:
        job = BackfillRun.objects.filter(load_history=execution).values_list("job_id", flat=True)
        if execution.trigger == Trigger.BACKFILL and (job_id := job.first()) is not None:
            yield "Its backfill", reverse("admin:backfill_backfilljob_change", args=[job_id])
        window = Window(execution.query_from_time, execution.query_to_time)
        yield "Signals of this window", explorer_address(execution.loader, window)
