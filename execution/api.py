"""REST endpoints of executions (spec 10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from core.api.operations import Operation
from core.api.pagination import CursorPages
from core.api.serializers import Parameters, SeveralField, Strict, span_error
from core.api.views import Endpoint, ListEndpoint, valid_body
from execution.api_answers import RUN_ERRORS, AcceptedAnswer
from execution.exceptions import ExecutionNotFoundError, NotCancellableError
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus, Trigger
from execution.requesters import asked_for_by
from execution.services import disable_and_cancel, no_execution, request_cancel, run_now
from loaders.api import views as loaders
from loaders.api.serializers import LoaderAnswer
from loaders.exceptions import DefinitionChangedError, LoaderArchivedError, LoaderNotFoundError
from loaders.services import get_loader

_ENCRYPTED = ("source_error", "stack_trace")
_ENTITLED = frozenset({*_ENCRYPTED, "replica_name", "capture"})


class ExecutionRow(serializers.ModelSerializer[LoadHistory]):
    """An execution in a list. `recordsIngested` is the same figure as `recordsLoaded`."""

    only_for_some = _ENTITLED

    execution_id = serializers.UUIDField(source="id")
    loader_code = serializers.CharField(source="loader_id")
    version = serializers.SerializerMethodField()
    queued = serializers.SerializerMethodField()
    source_database = serializers.CharField(source="source_db_code")
    requested_by = serializers.CharField(source="requested_by.username", default=None)
    phases = serializers.SerializerMethodField()
    records_ingested = serializers.IntegerField(source="records_loaded")

    class Meta:
        model = LoadHistory
        fields: tuple[str, ...] = (
            "execution_id",
            "loader_code",
            "version",
            "trigger",
            "attempt",
            "purge_strategy",
            "status",
            "queued",
            "requested_by",
            "source_database",
            "replica_name",
            "query_from_time",
            "query_to_time",
            "actual_from_time",
            "actual_to_time",
            "records_read",
            "records_loaded",
            "records_ingested",
            "records_skipped",
            "records_purged",
            "start_time",
            "claimed_at",
            "end_time",
            "phases",
            "error_code",
            "error_message",
            "correlation_id",
        )

    def get_version(self, execution: LoadHistory) -> int | None:
        """Its number; none where a draft was tried."""
        return None if execution.version is None else execution.version.number

    def get_phases(self, execution: LoadHistory) -> dict[str, int]:
        """Milliseconds by phase."""
        phases: dict[str, int] = execution.metadata.get("phases", {})
        return phases

    def get_queued(self, execution: LoadHistory) -> bool:
        """Dispatched, and not yet taken up by a worker."""
        return execution.status == RunStatus.RUNNING and execution.claimed_at is None

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Source errors quote SQL and data: only those see them who may see SQL; the same goes for
        replicas and for where raw rows are kept."""
        fields: dict[str, Any] = super().get_fields()
        if not may(self.context["request"].user, Permission.VIEW_SQL):
            fields = {name: field for name, field in fields.items() if name not in _ENTITLED}
        return fields


class ExecutionAnswer(ExecutionRow):
    """One execution, with what is stored encrypted and how far it has got."""

    source_error = serializers.CharField()
    stack_trace = serializers.CharField()
    capture = serializers.DictField(allow_null=True)
    rows_so_far = serializers.SerializerMethodField()

    class Meta(ExecutionRow.Meta):
        fields = (*ExecutionRow.Meta.fields, "rows_so_far", "capture", *_ENCRYPTED)

    def get_rows_so_far(self, execution: LoadHistory) -> int | None:
        """What a run that goes on had read when it was last heard of; null for any other."""
        locks = LoaderExecutionLock.objects.active().filter(load_history=execution)
        return locks.values_list("rows_so_far", flat=True).first()


class HistoryFilter(Parameters):
    """Parameters of a list of one loader's executions, besides those of its pages: those that
    started in `[fromTime, toTime)`. `requestedBy` is a user's name, or `system` for what the portal
    started itself; `sourceDatabase` is the code of the source that was read."""

    status = SeveralField(RunStatus, required=False)
    trigger = SeveralField(Trigger, required=False)
    error_code = serializers.CharField(max_length=64, required=False)
    from_time = serializers.DateTimeField(required=False)
    to_time = serializers.DateTimeField(required=False)
    source_database = serializers.CharField(max_length=64, required=False)
    requested_by = serializers.CharField(max_length=150, required=False)
    correlation_id = serializers.CharField(max_length=64, required=False)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The span is not empty."""
        span_error(asked, "from_time", "to_time")
        return asked


class ExecutionFilter(HistoryFilter):
    """The same over all loaders."""

    loader_code = serializers.CharField(max_length=64, required=False)


_COLUMNS = {
    "status": "status__in",
    "trigger": "trigger__in",
    "error_code": "error_code",
    "from_time": "start_time__gte",
    "to_time": "start_time__lt",
    "source_database": "source_db_code",
    "correlation_id": "correlation_id",
}
"""Parameters, and what they ask of the column."""


class ExecutionPagination(CursorPages):
    """Latest start first: an index for each filter that narrows most is in that order."""

    ordering = ("-start_time", "-id")

    def check_position(self, text: str) -> None:
        datetime.fromisoformat(text)


def _executions(user: User) -> QuerySet[LoadHistory]:
    executions = reachable(user, LoadHistory.objects.select_related("version", "requested_by"))
    return executions.defer("version__definition")


class ExecutionList(ListEndpoint[LoadHistory]):
    """Executions of all loaders, the latest first."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation("listExecutions", "List executions", errors=(LoaderNotFoundError,))
    }

    parameters: type[Parameters] = ExecutionFilter
    serializer_class = ExecutionRow
    pagination_class = ExecutionPagination

    def get_queryset(self) -> QuerySet[LoadHistory]:
        user, asked = self.request.user, self.asked
        executions = _executions(user).defer(*_ENCRYPTED)
        code = self.kwargs.get("code") or asked.get("loader_code")
        if code is not None:
            executions = executions.filter(loader=get_loader(code, user=user))
        if "requested_by" in asked:
            executions = executions.filter(asked_for_by(asked["requested_by"]))
        return executions.filter(
            **{column: asked[name] for name, column in _COLUMNS.items() if name in asked}
        )


class LoaderHistory(ExecutionList):
    """Executions of one loader, the latest first."""

    operations = {
        "GET": Operation(
            "listLoaderHistory",
            "List a loader's executions",
            tag="executions",
            errors=(LoaderNotFoundError,),
        )
    }

    parameters = HistoryFilter


class ExecutionDetail(Endpoint):
    """One execution."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getExecution",
            "Read an execution",
            "What the source said, traces and replica are there for those who may see SQL.",
            answer=ExecutionAnswer,
            errors=(ExecutionNotFoundError,),
        )
    }

    def get(self, request: Request, execution_id: UUID) -> Response:
        execution = _execution(execution_id, request.user)
        return Response(ExecutionAnswer(execution, context={"request": request}).data)


class ExecutionCancel(Endpoint):
    """Ask a running execution to stop."""

    needs = {"POST": Permission.RUN}
    operations = {
        "POST": Operation(
            "cancelExecution",
            "Cancel an execution",
            "The query is stopped at the source, and nothing is written.",
            answer=ExecutionAnswer,
            status=202,
            errors=(ExecutionNotFoundError, NotCancellableError),
        )
    }

    def post(self, request: Request, execution_id: UUID) -> Response:
        execution = _execution(execution_id, request.user)
        request_cancel(user=request.user, execution=execution)
        return Response(
            ExecutionAnswer(execution, context={"request": request}).data,
            status=status.HTTP_202_ACCEPTED,
        )


class LoaderRun(Endpoint):
    """Start the loader's next window now; does not wait for it."""

    needs = {"POST": Permission.RUN}
    operations = {
        "POST": Operation(
            "runLoader",
            "Start a run",
            tag="executions",
            answer=AcceptedAnswer,
            status=202,
            errors=RUN_ERRORS,
        )
    }

    def post(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        return accepted(run_now(user=request.user, loader=loader, trigger=Trigger.API))


class DisableBody(Strict):
    """Body of disable."""

    cancel_runs = serializers.BooleanField(default=False)


class LoaderDisable(loaders.LoaderDisable):
    """Let no new run start; with `cancelRuns`, those under way stop as well."""

    operations = {
        "POST": Operation(
            "disableLoader",
            "Disable a loader",
            body=DisableBody,
            body_is_optional=True,
            answer=LoaderAnswer,
            has_etag=True,
            takes_if_match=True,
            errors=(LoaderNotFoundError, LoaderArchivedError, DefinitionChangedError),
        )
    }

    def post(self, request: Request, code: str) -> Response:
        if not valid_body(DisableBody, request)["cancel_runs"]:
            return super().post(request, code)
        with loaders.held(request, code) as loader:
            disable_and_cancel(user=request.user, loader=loader)
        return loaders.loader_answer(request, loader)


def accepted(history: LoadHistory) -> Response:
    """The answer to a request that started an execution."""
    return Response(AcceptedAnswer(history).data, status=status.HTTP_202_ACCEPTED)


def _execution(execution_id: UUID, user: User) -> LoadHistory:
    try:
        return _executions(user).get(pk=execution_id)
    except LoadHistory.DoesNotExist:
        raise no_execution(execution_id) from None
