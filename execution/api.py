"""REST endpoints of executions (spec 10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from core.api.serializers import Strict
from core.api.views import Endpoint, ListEndpoint, valid_body, valid_parameters
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services import disable_and_cancel, no_execution, request_cancel, run_now
from loaders.api import views as loaders
from loaders.services import get_loader

_ENCRYPTED = ("source_error", "stack_trace")
_ENTITLED = frozenset({*_ENCRYPTED, "replica_name", "capture"})


class ExecutionRow(serializers.ModelSerializer[LoadHistory]):
    """An execution in a list. `recordsIngested` is the same figure as `recordsLoaded`."""

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
    """One execution with what is stored encrypted."""

    source_error = serializers.CharField()
    stack_trace = serializers.CharField()
    capture = serializers.JSONField()

    class Meta(ExecutionRow.Meta):
        fields = (*ExecutionRow.Meta.fields, "capture", *_ENCRYPTED)


class ExecutionFilter(serializers.Serializer[Any]):
    """Parameters of the list, besides those of its pages."""

    loader_code = serializers.CharField(max_length=64, required=False)
    status = serializers.CharField(max_length=16, required=False)

    def validate_status(self, wanted: str) -> str:
        """A status, in capitals or not."""
        if wanted.upper() not in RunStatus.values:
            raise serializers.ValidationError(f"Use one of {', '.join(RunStatus.values)}.")
        return wanted.upper()


def _executions(user: User) -> QuerySet[LoadHistory]:
    executions = reachable(user, LoadHistory.objects.select_related("version", "requested_by"))
    return executions.defer("version__definition")


class ExecutionList(ListEndpoint[LoadHistory]):
    """Executions, newest first; `loaderCode` and `status` filter."""

    needs = {"GET": Permission.VIEW}

    serializer_class = ExecutionRow

    def get_queryset(self) -> QuerySet[LoadHistory]:
        executions = _executions(self.request.user).defer(*_ENCRYPTED)
        wanted = valid_parameters(ExecutionFilter, self.request)
        if "loader_code" in wanted:
            loader = get_loader(wanted["loader_code"], user=self.request.user)
            executions = executions.filter(loader=loader)
        if "status" in wanted:
            executions = executions.filter(status=wanted["status"])
        return executions


class ExecutionDetail(Endpoint):
    """One execution."""

    needs = {"GET": Permission.VIEW}

    def get(self, request: Request, execution_id: UUID) -> Response:
        execution = _execution(execution_id, request.user)
        return Response(ExecutionAnswer(execution, context={"request": request}).data)


class ExecutionCancel(Endpoint):
    """Ask a running execution to stop."""

    needs = {"POST": Permission.RUN}

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

    def post(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        return accepted(run_now(user=request.user, loader=loader, trigger=Trigger.API))


class DisableBody(Strict):
    """Body of disable."""

    cancel_runs = serializers.BooleanField(default=False)


class LoaderDisable(loaders.LoaderDisable):
    """Let no new run start; with `cancelRuns`, those under way stop as well."""

    def post(self, request: Request, code: str) -> Response:
        if not valid_body(DisableBody, request)["cancel_runs"]:
            return super().post(request, code)
        with loaders.held(request, code) as loader:
            disable_and_cancel(user=request.user, loader=loader)
        return loaders.loader_answer(request, loader)


def accepted(history: LoadHistory) -> Response:
    """The answer to a request that started an execution."""
    return Response(
        {
            "execution_id": history.pk,
            "status": history.status,
            "start_time": history.start_time,
        },
        status=status.HTTP_202_ACCEPTED,
    )


def _execution(execution_id: UUID, user: User) -> LoadHistory:
    try:
        return _executions(user).get(pk=execution_id)
    except LoadHistory.DoesNotExist:
        raise no_execution(execution_id) from None
