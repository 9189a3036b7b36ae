"""`manage.py loader list` and `show`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db.models import Q
from rich.console import Group, RenderableType

from accounts.commands import Act, Answer, Call, fields, table, verbatim
from accounts.roles import Permission, PermissionDeniedError, refusal
from core.display import span_text, window_text
from execution.api import ExecutionRow
from execution.models import LoadHistory
from loaderportal.commands.naming import add_code, loader_of, loaders_of
from loaders.api.serializers import LoaderAnswer, LoaderWithSql
from loaders.models import ApprovalStatus, Loader, LoadStatus
from loaders.services import show_sql

_STATUSES = (*LoadStatus.values, *ApprovalStatus.values)
_LIST = ("CODE", "SOURCE", "ENABLED", "APPROVAL", "STATUS", "WATERMARK (UTC)", "LAST SUCCESS (UTC)")
_RUNS = ("EXECUTION", "WINDOW (UTC)", "TRIGGER", "STATUS", "LOADED", "TOOK", "ERROR")


class ListLoaders(Act):
    """One line a loader."""

    name = "list"
    help = "List loaders: where each stands, without its SQL."
    example = "manage.py loader list --status FAILED"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--archived", action="store_true", help="the archived ones instead")
        parser.add_argument(
            "--status",
            type=str.upper,
            choices=_STATUSES,
            metavar="STATUS",
            help=f"only those of this load or approval status: {', '.join(_STATUSES)}",
        )

    def run(self, call: Call) -> Answer:
        found = loaders_of(call).filter(archived_at__isnull=not call.options["archived"])
        if status := call.options["status"]:
            found = found.filter(Q(state__load_status=status) | Q(approval_status=status))
        loaders = list(found)
        document = {"results": LoaderAnswer(loaders, many=True).data}
        return Answer(document, table(_LIST, map(_line, loaders)))


class ShowLoader(Act):
    """A loader's definition, state and last runs."""

    name = "show"
    help = "Show a loader: its settings, where it stands, its last runs."
    example = "manage.py loader show PAYMENTS_HOURLY --sql --as amal"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        add_code(parser)
        parser.add_argument(
            "--sql", action="store_true", help="its SQL too; that you saw it is audited"
        )
        parser.add_argument(
            "--runs", type=int, default=5, metavar="N", help="how many runs, newest first (5)"
        )

    def run(self, call: Call) -> Answer:
        loader: Any = loader_of(call)
        with_sql = call.options["sql"]
        if with_sql and not show_sql(user=call.user, loader_code=loader.loader_code):
            raise PermissionDeniedError(refusal(Permission.VIEW_SQL))
        runs = list(_last_runs(loader, max(call.options["runs"], 0)))
        shown = LoaderWithSql(loader).data if with_sql else LoaderAnswer(loader).data
        executions = ExecutionRow(runs, many=True, context={"request": call}).data
        parts: list[RenderableType] = [fields(_settings(shown))]
        if runs:
            parts += ["", table(_RUNS, map(_run_line, runs))]
        if with_sql:
            parts += ["", verbatim(loader.loader_sql)]
        return Answer({**shown, "executions": executions}, Group(*parts))


def execution_fields(execution: LoadHistory) -> RenderableType:
    """One run, for people."""
    return fields(
        {
            "execution": execution.pk,
            "loader": execution.loader_id,
            "status": execution.shown_status,
            "window (UTC)": window_text(execution.query_from_time, execution.query_to_time),
            "rows read": execution.records_read,
            "rows loaded": execution.records_loaded,
            "error": _error(execution),
        }
    )


def _line(loader: Loader) -> tuple[object, ...]:
    source = loader.source_database
    state = loader.state
    return (
        loader.loader_code,
        source.db_code if source else None,
        loader.enabled,
        loader.approval_status,
        state.load_status,
        state.last_load_timestamp,
        state.last_success_timestamp or "Never",
    )


def _settings(shown: Any) -> dict[str, object]:
    """The settings in plain words; what is empty is left out, and the SQL, which stands below."""
    shown = {**shown, "last_success_timestamp": shown["last_success_timestamp"] or "Never"}
    return {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in shown.items()
        if name != "loader_sql" and value not in (None, "", [])
    }


def _last_runs(loader: Loader, count: int) -> Any:
    runs = LoadHistory.objects.filter(loader=loader).select_related("version", "requested_by")
    return runs.defer("version__definition", "source_error", "stack_trace")[:count]


def _run_line(run: LoadHistory) -> tuple[object, ...]:
    took = run.end_time - run.start_time if run.end_time else None
    return (
        run.pk,
        window_text(run.query_from_time, run.query_to_time),
        run.trigger,
        run.shown_status,
        run.records_loaded,
        span_text(took),
        _error(run),
    )


def _error(run: LoadHistory) -> str:
    return f"{run.error_code}: {run.error_message}" if run.error_code else ""
