"""REST endpoints of output versions (spec 6, 10)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.views import Endpoint, ListEndpoint
from core.clock import database_now
from execution.api import accepted
from execution.api_answers import WINDOW_ERRORS, AcceptedAnswer, ComparisonAnswer
from execution.services import restore_output
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader
from signals.comparison import Comparison, compare
from signals.exceptions import ComparisonTimeoutError, OutputNotFoundError
from signals.models import OutputVersion
from signals.outputs import get_output


class OutputRowAnswer(serializers.ModelSerializer[OutputVersion]):
    """An output version in a list."""

    output_id = serializers.UUIDField(source="id")
    loader_code = serializers.CharField(source="loader_id")

    class Meta:
        model = OutputVersion
        fields: tuple[str, ...] = (
            "output_id",
            "loader_code",
            "window_from",
            "window_to",
            "replaced_at",
            "replaced_by",
            "rows",
            "expires_at",
        )


class PresentComparison(ComparisonAnswer):
    """How many signals differ from those that stand now, and the first of them."""

    def get_attribute(self, instance: OutputVersion) -> Comparison:
        """Made anew for each request."""
        return compare(instance)


class OutputDetailAnswer(OutputRowAnswer):
    """An output version, and how it differs from what stands in its window now."""

    comparison = PresentComparison()

    class Meta(OutputRowAnswer.Meta):
        fields = (*OutputRowAnswer.Meta.fields, "comparison")


class OutputList(ListEndpoint[OutputVersion]):
    """Output versions of a loader that can be restored, newest first."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listOutputs",
            "List a loader's output versions",
            tag="outputs",
            errors=(LoaderNotFoundError,),
        )
    }
    serializer_class = OutputRowAnswer

    def get_queryset(self) -> QuerySet[OutputVersion]:
        loader = get_loader(self.kwargs["code"], user=self.request.user)
        return OutputVersion.objects.standing(database_now()).filter(loader=loader)


class OutputDetail(Endpoint):
    """One output version, compared with what stands in its window now."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getOutput",
            "Compare an output version",
            tag="outputs",
            answer=OutputDetailAnswer,
            errors=(OutputNotFoundError, ComparisonTimeoutError),
        )
    }

    def get(self, request: Request, output_id: str) -> Response:
        version = get_output(UUID(output_id), user=request.user)
        return Response(OutputDetailAnswer(version).data)


class OutputRestore(Endpoint):
    """Put an output version back; does not wait for it."""

    needs = {"POST": Permission.RUN}
    operations = {
        "POST": Operation(
            "restoreOutput",
            "Put an output version back",
            tag="outputs",
            answer=AcceptedAnswer,
            status=202,
            errors=(OutputNotFoundError, *WINDOW_ERRORS),
        )
    }

    def post(self, request: Request, output_id: str) -> Response:
        return accepted(restore_output(user=request.user, version_id=UUID(output_id)))
