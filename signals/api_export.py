"""REST endpoints that read signals as they stand: a list in the form they are posted in, and
downloads (spec 8, 10)."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.serializers import Parameters, SeveralIdsField
from core.api.views import Endpoint
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader
from signals.exceptions import ExportBusyError, ExportTooLargeError, QueryInvalidError
from signals.export.service import FileFormat, export_signals
from signals.listing import MOST_LISTED, ListedSignal, list_signals
from signals.ranges import epoch_window


class RangeParameters(Parameters):
    """A range of time."""

    from_epoch = serializers.IntegerField()
    to_epoch = serializers.IntegerField()


class ExportParameters(RangeParameters):
    """Parameters of a download."""

    loader_code = serializers.CharField(max_length=64)
    segment_code = SeveralIdsField(required=False)
    format = serializers.ChoiceField(choices=[f.value for f in FileFormat])


class TimeRangeAnswer(serializers.Serializer[Any]):
    """The range that was asked for, in epoch seconds."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.IntegerField(), "to": serializers.IntegerField()}


class SignalAnswer(serializers.Serializer[ListedSignal]):
    """A signal in the form in which it is posted, with what the portal adds."""

    load_time_stamp = serializers.DateTimeField()
    segments = serializers.ListField(child=serializers.CharField())
    segment_code = serializers.UUIDField()
    rec_count = serializers.IntegerField(allow_null=True)
    value_count = serializers.IntegerField(allow_null=True)
    sum_val = serializers.FloatField(allow_null=True)
    avg_val = serializers.FloatField(allow_null=True)
    max_val = serializers.FloatField(allow_null=True)
    min_val = serializers.FloatField(allow_null=True)
    execution_id = serializers.UUIDField()


class SignalListAnswer(serializers.Serializer[Any]):
    """Signals of a loader."""

    loader_code = serializers.CharField()
    time_range = TimeRangeAnswer()
    signals = SignalAnswer(many=True)


class SignalList(Endpoint):
    """Signals of a loader as they stand, in order of time and segments."""

    needs = {"GET": Permission.VIEW}
    parameters = RangeParameters
    operations = {
        "GET": Operation(
            "listSignals",
            "List signals of a loader",
            f"At most {MOST_LISTED:,}; a range with more is refused. `signals/query` reduces or "
            "aggregates, `signals/export` gives all of them as a file.",
            answer=SignalListAnswer,
            tag="signals",
            errors=(LoaderNotFoundError, QueryInvalidError),
        )
    }

    def get(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        first, last = self.asked["from_epoch"], self.asked["to_epoch"]
        found = list_signals(loader, epoch_window(first, last))
        return Response(
            {
                "loader_code": loader.loader_code,
                "time_range": {"from": first, "to": last},
                "signals": [one._asdict() for one in found],
            }
        )


class FormatIsOurs(DefaultContentNegotiation):
    """`format` chooses the file, and not how DRF writes an answer; whoever accepts what, a problem
    is told as JSON."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class SignalsExport(Endpoint):
    """Signals of a loader as a file: CSV (RFC 4180, UTF-8, text that a spreadsheet would take for
    a formula has an apostrophe in front) or Parquet. Read docs/downloads.md about its limits."""

    needs = {"GET": Permission.VIEW}
    parameters = ExportParameters
    content_negotiation_class = FormatIsOurs
    http_method_names = ["get", "options"]  # HEAD would read the whole file to show none of it
    operations = {
        "GET": Operation(
            "exportSignals",
            "Download signals of a loader",
            files=("text/csv", "application/vnd.apache.parquet"),
            tag="signals",
            errors=(LoaderNotFoundError, QueryInvalidError, ExportTooLargeError, ExportBusyError),
        )
    }

    def get(self, request: Request) -> StreamingHttpResponse:
        loader = get_loader(self.asked["loader_code"], user=request.user)
        download = export_signals(
            user=request.user,
            loader=loader,
            window=epoch_window(self.asked["from_epoch"], self.asked["to_epoch"]),
            segments=tuple(self.asked.get("segment_code", ())),
            file_format=FileFormat(self.asked["format"]),
        )
        disposition = f'attachment; filename="{download.file_name}"'
        return StreamingHttpResponse(
            download,
            content_type=download.media_type,
            headers={"Content-Disposition": disposition, "Cache-Control": "private, no-store"},
        )
