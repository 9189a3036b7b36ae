"""REST endpoints of scans for gaps (spec 9, 10)."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reachable
from accounts.roles import Permission
from backfill.api_answers import ScanAskedAnswer
from backfill.exceptions import GapScanNotFoundError
from backfill.models import GapFinding, GapScan
from backfill.services.gap_scan import ask_for_scan
from core.api.operations import Operation
from core.api.views import Endpoint, ListEndpoint
from execution.coverage import CoverageState
from loaders.models import Loader


class GapScanAnswer(serializers.ModelSerializer[GapScan]):
    """A scan and its figures."""

    scan_id = serializers.UUIDField(source="id")
    requested_by = serializers.CharField(source="requested_by.username", default=None)
    loaders_left_out = serializers.DictField(child=serializers.IntegerField())
    gaps_by_fate = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = GapScan
        fields = (
            "scan_id",
            "started_at",
            "ended_at",
            "requested_by",
            "looked_from",
            "loaders_scanned",
            "loaders_left_out",
            "loaders_miscounted",
            "loaders_unverified",
            "stretches_lost",
            "gaps_found",
            "gaps_new",
            "gaps_by_fate",
        )


class GapFindingAnswer(serializers.ModelSerializer[GapFinding]):
    """A gap that a scan found, and what became of it."""

    from_time = serializers.DateTimeField(source="range_from")
    to_time = serializers.DateTimeField(source="range_to")
    states = serializers.ListField(child=serializers.ChoiceField(CoverageState.choices))
    backfill_id = serializers.UUIDField(source="job_id", allow_null=True)

    class Meta:
        model = GapFinding
        fields = (
            "id",
            "loader_code",
            "from_time",
            "to_time",
            "states",
            "fate",
            "is_new",
            "backfill_id",
            "error_code",
            "error_message",
        )


class GapScanList(ListEndpoint[GapScan]):
    """Scans, newest first; POST has one made by the maintenance cluster and does not wait."""

    needs = {"GET": Permission.VIEW, "POST": Permission.MEND_COVERAGE}
    operations = {
        "GET": Operation("listGapScans", "List scans for gaps", tag="coverage"),
        "POST": Operation(
            "askForGapScan",
            "Ask for a scan",
            "The maintenance cluster makes it as soon as it can.",
            tag="coverage",
            answer=ScanAskedAnswer,
            status=202,
        ),
    }
    serializer_class = GapScanAnswer
    queryset = GapScan.objects.select_related("requested_by")

    def post(self, request: Request) -> Response:
        """Ask for a scan now."""
        ask_for_scan(user=request.user)
        return Response(ScanAskedAnswer({"status": "ASKED"}).data, status.HTTP_202_ACCEPTED)


class GapScanDetail(Endpoint):
    """One scan and its figures."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getGapScan",
            "Read a scan",
            tag="coverage",
            answer=GapScanAnswer,
            errors=(GapScanNotFoundError,),
        )
    }

    def get(self, request: Request, scan_id: str) -> Response:
        return Response(GapScanAnswer(_scan(scan_id)).data)


class GapFindingList(ListEndpoint[GapFinding]):
    """What a scan found, of loaders that the user reaches."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listGapFindings",
            "List what a scan found",
            tag="coverage",
            errors=(GapScanNotFoundError,),
        )
    }
    serializer_class = GapFindingAnswer

    def get_queryset(self) -> QuerySet[GapFinding]:
        scan = _scan(self.kwargs["scan_id"])
        codes = reachable(self.request.user, Loader.objects.all()).values("loader_code")
        return scan.findings.filter(loader_code__in=codes)


def _scan(scan_id: str) -> GapScan:
    try:
        return GapScan.objects.select_related("requested_by").get(pk=UUID(scan_id))
    except GapScan.DoesNotExist:
        raise GapScanNotFoundError(f"There is no gap scan {scan_id}.") from None
