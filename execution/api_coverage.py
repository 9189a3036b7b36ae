"""REST endpoints of coverage, gaps and waivers (spec 9, 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.object_access import reachable
from accounts.roles import Permission
from core.api.operations import Operation
from core.api.pagination import CursorPages
from core.api.serializers import Parameters, SeveralField, Strict, span_error
from core.api.views import Endpoint, ListEndpoint, valid_body
from core.window import Window
from execution.api_answers import CoverageAnswer
from execution.coverage import GAPS
from execution.exceptions import GapNotFoundError, WaiverNotFoundError, WaiverWithdrawnError
from execution.models import Gap, GapWaiver, no_gap, read_gap_id
from execution.services import read_coverage, waive_gaps, withdraw_waiver
from execution.services.coverage_reading import MOST_INTERVALS
from execution.services.waiving import get_waiver
from loaders.exceptions import LoaderArchivedError, LoaderNotFoundError
from loaders.models import Loader
from loaders.services import get_loader

_INSTANT: dict[str, Any] = {"default_timezone": UTC}


class ReasonBody(Strict):
    """Why it is waived, or withdrawn; the audit trail keeps it."""

    reason = serializers.CharField(max_length=1000)


class StretchBody(ReasonBody):
    """A stretch to waive, `[fromTime, toTime)`."""

    from_time = serializers.DateTimeField(**_INSTANT)
    to_time = serializers.DateTimeField(**_INSTANT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The stretch is not empty."""
        if attrs["from_time"] >= attrs["to_time"]:
            raise serializers.ValidationError({"to_time": ["It must be after fromTime."]})
        return attrs


class CoverageFilter(Parameters):
    """Parameters of coverage; open ends reach as far as the loader's time line."""

    from_time = serializers.DateTimeField(required=False, **_INSTANT)
    to_time = serializers.DateTimeField(required=False, **_INSTANT)
    max_intervals = serializers.IntegerField(min_value=1, max_value=10_000, default=MOST_INTERVALS)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The stretch is not empty."""
        span_error(asked, "from_time", "to_time")
        return asked


class LoaderGapFilter(Parameters):
    """Parameters of the list of a loader's gaps, besides those of its pages: those that share an
    instant with `[fromTime, toTime)`."""

    state = SeveralField(sorted(GAPS), required=False)
    min_seconds = serializers.IntegerField(min_value=1, max_value=1_000_000_000, required=False)
    from_time = serializers.DateTimeField(required=False, **_INSTANT)
    to_time = serializers.DateTimeField(required=False, **_INSTANT)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The stretch is not empty."""
        span_error(asked, "from_time", "to_time")
        return asked


class GapFilter(LoaderGapFilter):
    """The same over all loaders."""

    loader_code = serializers.CharField(max_length=64, required=False)


class GapAnswer(serializers.ModelSerializer[Gap]):
    """A gap in a list."""

    gap_id = serializers.CharField(source="id")
    loader_code = serializers.CharField(source="loader_id")
    from_time = serializers.DateTimeField(source="range_from")
    to_time = serializers.DateTimeField(source="range_to")
    execution_id = serializers.UUIDField(source="load_history_id")

    class Meta:
        model = Gap
        fields = ("gap_id", "loader_code", "state", "from_time", "to_time", "execution_id")


class WaiverAnswer(serializers.ModelSerializer[GapWaiver]):
    """A waiver."""

    waiver_id = serializers.UUIDField(source="id")
    loader_code = serializers.CharField(source="loader_id")
    from_time = serializers.DateTimeField(source="range_from")
    to_time = serializers.DateTimeField(source="range_to")
    waived_by = serializers.CharField(source="waived_by.username", default=None)
    withdrawn_by = serializers.CharField(source="withdrawn_by.username", default=None)

    class Meta:
        model = GapWaiver
        fields = (
            "waiver_id",
            "loader_code",
            "from_time",
            "to_time",
            "reason",
            "waived_by",
            "waived_at",
            "withdrawn_by",
            "withdrawn_at",
            "withdrawal_reason",
        )


class WaiversAnswer(serializers.Serializer[Any]):
    """The waivers that were made: one for each gap in the stretch."""

    results = WaiverAnswer(many=True)


class GapPagination(CursorPages):
    """Newest stretch first."""

    ordering = ("-range_from", "id")

    def check_position(self, text: str) -> None:
        datetime.fromisoformat(text)


class GapList(ListEndpoint[Gap]):
    """Gaps of all loaders, newest first."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation("listGaps", "List gaps", tag="coverage", errors=(LoaderNotFoundError,))
    }
    parameters: type[Parameters] = GapFilter
    serializer_class = GapAnswer
    pagination_class = GapPagination

    def get_queryset(self) -> QuerySet[Gap]:
        wanted = self.asked
        gaps = reachable(self.request.user, Gap.objects.all())
        code = self.kwargs.get("code") or wanted.get("loader_code")
        if code is not None:
            gaps = gaps.filter(loader=get_loader(code, user=self.request.user))
        if "state" in wanted:
            gaps = gaps.filter(state__in=wanted["state"])
        if "from_time" in wanted:
            gaps = gaps.filter(range_to__gt=wanted["from_time"])
        if "to_time" in wanted:
            gaps = gaps.filter(range_from__lt=wanted["to_time"])
        if "min_seconds" in wanted:
            gaps = gaps.alias(length=F("range_to") - F("range_from"))
            gaps = gaps.filter(length__gte=timedelta(seconds=wanted["min_seconds"]))
        return gaps


class LoaderGapList(GapList):
    """Gaps of one loader, newest first."""

    operations = {
        "GET": Operation(
            "listLoaderGaps", "List a loader's gaps", tag="coverage", errors=(LoaderNotFoundError,)
        )
    }

    parameters = LoaderGapFilter


class GapWaive(Endpoint):
    """Waive a gap, saying why."""

    needs = {"POST": Permission.MEND_COVERAGE}
    operations = {
        "POST": Operation(
            "waiveGap",
            "Waive a gap",
            "It is counted as a gap no more, and no scan loads it.",
            tag="coverage",
            body=ReasonBody,
            answer=WaiversAnswer,
            status=201,
            errors=(GapNotFoundError, LoaderArchivedError),
        )
    }

    def post(self, request: Request, gap: str) -> Response:
        code, window = read_gap_id(gap)
        try:
            loader = get_loader(code, user=request.user)
        except LoaderNotFoundError:
            raise no_gap(gap) from None
        reason = valid_body(ReasonBody, request)["reason"]
        return _waive(request, loader, window, reason)


class LoaderWaive(Endpoint):
    """Waive what of a stretch is a gap, saying why."""

    needs = {"POST": Permission.MEND_COVERAGE}
    operations = {
        "POST": Operation(
            "waiveStretch",
            "Waive what of a stretch is a gap",
            tag="coverage",
            body=StretchBody,
            answer=WaiversAnswer,
            status=201,
            errors=(LoaderNotFoundError, GapNotFoundError, LoaderArchivedError),
        )
    }

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(StretchBody, request)
        window = Window(*(body[name].astimezone(UTC) for name in ("from_time", "to_time")))
        loader = get_loader(code, user=request.user)
        return _waive(request, loader, window, body["reason"])


class WaiverList(ListEndpoint[GapWaiver]):
    """Waivers of a loader, newest first, withdrawn ones too."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listWaivers", "List a loader's waivers", tag="coverage", errors=(LoaderNotFoundError,)
        )
    }
    serializer_class = WaiverAnswer

    def get_queryset(self) -> QuerySet[GapWaiver]:
        loader = get_loader(self.kwargs["code"], user=self.request.user)
        waivers = GapWaiver.objects.filter(loader=loader)
        return waivers.select_related("waived_by", "withdrawn_by")


class WaiverWithdraw(Endpoint):
    """Take a waiver back, saying why."""

    needs = {"POST": Permission.MEND_COVERAGE}
    operations = {
        "POST": Operation(
            "withdrawWaiver",
            "Take a waiver back",
            "What it covered is a gap again, unless something was loaded since.",
            tag="coverage",
            body=ReasonBody,
            answer=WaiverAnswer,
            errors=(WaiverNotFoundError, WaiverWithdrawnError, LoaderArchivedError),
        )
    }

    def post(self, request: Request, waiver_id: str) -> Response:
        get_waiver(UUID(waiver_id), user=request.user)
        reason = valid_body(ReasonBody, request)["reason"]
        waiver = withdraw_waiver(user=request.user, waiver_id=UUID(waiver_id), reason=reason)
        return Response(WaiverAnswer(waiver).data)


class LoaderCoverage(Endpoint):
    """A loader's coverage: every instant of the range in exactly one interval."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getCoverage",
            "Read a loader's coverage",
            tag="coverage",
            answer=CoverageAnswer,
            errors=(LoaderNotFoundError,),
        )
    }
    parameters = CoverageFilter

    def get(self, request: Request, code: str) -> Response:
        wanted = self.asked
        loader = get_loader(code, user=request.user)
        reading = read_coverage(
            loader,
            start=wanted.get("from_time"),
            end=wanted.get("to_time"),
            most=wanted["max_intervals"],
        )
        coverage = {
            "loader_code": loader.loader_code,
            "watermark": loader.state.last_load_timestamp,
            "from_time": reading and reading.stretch.start,
            "to_time": reading and reading.stretch.end,
            "is_condensed": reading is not None and reading.is_condensed,
            "intervals": reading.intervals if reading else [],
        }
        return Response(CoverageAnswer(coverage).data)


def _waive(request: Request, loader: Loader, window: Window, reason: str) -> Response:
    waivers = waive_gaps(user=request.user, loader=loader, window=window, reason=reason)
    return Response(WaiversAnswer({"results": waivers}).data, status.HTTP_201_CREATED)
