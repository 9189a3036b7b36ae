"""Test query and dry run in the console: two buttons of a loader, and their results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.admin_actions import ActionForm, Done, PageAction
from accounts.roles import Permission, User
from core.window import Window
from execution.models import LoadHistory, RunStatus, Trial, TrialKind, Trigger
from execution.services import request_trial, shows_data
from execution.trials.windows import window_between
from loaders.admin.evidence import report_context
from loaders.admin.forms import UtcField
from loaders.models import Loader
from loaders.policies import LoaderKind
from loaders.trial_report import TrialReport

_NOTE = (
    "The source is asked with the definition as it stands, approved or not, in a read-only session "
    "and within limits of time and rows. No signal is written."
)


class DryRunForm(ActionForm):
    """The window to read."""

    note = _NOTE
    from_time = UtcField(
        label="From (UTC)",
        required=False,
        help_text="Leave both empty for the widest window that the loader's next runs would read.",
    )
    to_time = UtcField(label="To (UTC)", required=False)


class TestQueryForm(DryRunForm):
    """The statement too, where it is not the loader's own."""

    sql = forms.CharField(
        label="SQL",
        required=False,
        strip=False,
        max_length=100_000,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 12, "class": "lp-code", "spellcheck": "false", "wrap": "off"}
        ),
        help_text="Empty: the loader's own. The first 100 rows are read.",
    )


def _may_be_tried(_: User, loader: Loader) -> str:
    if loader.archived_at is not None:
        return "It was archived and stands as it is."
    if loader.kind != LoaderKind.SQL or loader.source_database is None:
        return "Another system posts its signals: there is nothing to try."
    if not loader.source_database.allow_test_queries:
        return "Its source does not allow statements that nobody has approved."
    return ""


def _ask(
    kind: TrialKind,
    user: User,
    loader: Loader,
    window: Window | None,
    sql: str | None = None,
) -> Done:
    history = request_trial(user=user, loader=loader, kind=kind, window=window, sql=sql)
    address = reverse("admin:execution_loadhistory_change", args=[history.pk])
    return Done(f"{kind.label} of {loader.loader_code} is queued.", address)


def _test(
    user: User,
    loader: Loader,
    *,
    from_time: datetime | None,
    to_time: datetime | None,
    sql: str,
) -> Done:
    window = window_between(from_time, to_time)
    return _ask(TrialKind.TEST_QUERY, user, loader, window, sql.replace("\r\n", "\n") or None)


def _rehearse(
    user: User, loader: Loader, *, from_time: datetime | None, to_time: datetime | None
) -> Done:
    return _ask(TrialKind.DRY_RUN, user, loader, window_between(from_time, to_time))


TEST_QUERY = PageAction(
    "test-query",
    "Test query",
    "science",
    Permission.EDIT_LOADERS,
    _may_be_tried,
    act=_test,
    form=TestQueryForm,
)
DRY_RUN = PageAction(
    "dry-run",
    "Dry run",
    "model_training",
    Permission.EDIT_LOADERS,
    _may_be_tried,
    act=_rehearse,
    form=DryRunForm,
    is_rare=True,
)


def trial_context(user: User, execution: LoadHistory) -> dict[str, Any]:
    """What the page of an execution shows of its trial; nothing for a run. Who sees sample rows
    leaves a trace."""
    if execution.trigger != Trigger.DRY_RUN:
        return {}
    trial = Trial.objects.filter(load_history=execution).first()
    if trial is None:
        return {}
    context: dict[str, Any] = {
        "trial_row": trial,
        "is_under_way": execution.status == RunStatus.RUNNING,
    }
    if trial.report is not None:
        with_data = shows_data(user, trial)
        report = TrialReport.from_json(trial.report)
        context["trial"] = report_context(report, with_data=with_data)
    return context
