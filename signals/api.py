"""REST endpoint of the signals query (spec 8, 10; seed 003 sprint 3).

User guide: docs/signals.md.

    GET signals/query?loaderCode&fromEpoch&toEpoch
        [&segmentCode=...]      repeatable, up to 20 combinations; none means all
        [&aggregation=raw]      raw | avg | sum | min | max
        [&bucket=1h]            1m | 5m | 15m | 1h | 1d; needed with any aggregation but raw
        [&groupBy=segment]      buckets a segment; needs segmentCode
        [&limit=10000]          points at most, up to 100,000; more are reduced to it
        [&value=avgVal]         what the reduction draws: recCount, valueCount, sumVal, avgVal,
                                maxVal, minVal; by default that of the aggregation, avgVal for raw

    {"loaderCode", "timeRange": {"from", "to"}, "aggregation", "bucket", "value",
     "reduced": true, "method": "LTTB", "reducedBy": "segment" | "all", "pointsBefore": 1051200,
     "dataPoints": [{"timestamp", "segmentCode", "recCount", "valueCount", "sumVal", "avgVal",
                     "maxVal", "minVal"}, ...]}

Points come in order of time, then segment. `segmentCode` stands in raw points and in those of
`groupBy=segment`. Unless `reduced`, `method` and `reducedBy` are null and `pointsBefore` is how
many points there are. A bucket without signals has no point. The answer has an ETag: sent back as
`If-None-Match` it is answered with 304 as long as nothing was committed.
"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.serializers import Parameters
from core.api.views import Endpoint
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader
from signals.exceptions import QueryInvalidError
from signals.query import (
    DEFAULT_LIMIT,
    Aggregation,
    Bucket,
    SignalsQuery,
    epoch_window,
    run_query,
)


class QueryParameters(Parameters):
    """Parameters of `signals/query`."""

    loader_code = serializers.CharField(max_length=64)
    from_epoch = serializers.IntegerField()
    to_epoch = serializers.IntegerField()
    segment_code = serializers.UUIDField(required=False)
    aggregation = serializers.ChoiceField(
        choices=[a.value for a in Aggregation], default=Aggregation.RAW.value
    )
    bucket = serializers.ChoiceField(choices=[b.value for b in Bucket], required=False)
    limit = serializers.IntegerField(default=DEFAULT_LIMIT)


class RangeAnswer(serializers.Serializer[Any]):
    """`[from, to)` in seconds since 1970."""

    to = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class PointAnswer(serializers.Serializer[Any]):
    """A signal, or a bucket of them by its start; `segmentCode` is there for signals only."""

    only_for_some = frozenset({"segment_code"})

    timestamp = serializers.IntegerField()
    segment_code = serializers.UUIDField(required=False)
    rec_count = serializers.IntegerField(allow_null=True)
    value_count = serializers.IntegerField(allow_null=True)
    sum_val = serializers.FloatField(allow_null=True)
    avg_val = serializers.FloatField(allow_null=True)
    max_val = serializers.FloatField(allow_null=True)
    min_val = serializers.FloatField(allow_null=True)


class SignalsAnswer(serializers.Serializer[Any]):
    """The points in the order of time."""

    loader_code = serializers.CharField()
    time_range = RangeAnswer()
    aggregation = serializers.ChoiceField([one.value for one in Aggregation])
    bucket = serializers.ChoiceField([one.value for one in Bucket], allow_null=True)
    data_points = PointAnswer(many=True)


class SignalsQueryView(Endpoint):
    """Signals of one loader over a range."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "querySignals",
            "Read signals over a range",
            answer=SignalsAnswer,
            errors=(LoaderNotFoundError, QueryInvalidError),
        )
    }
    parameters = QueryParameters

    def get(self, request: Request) -> Response:
        asked = self.asked
        bucket = asked.get("bucket")
        query = SignalsQuery(
            loader=get_loader(asked["loader_code"], user=request.user),
            window=epoch_window(asked["from_epoch"], asked["to_epoch"]),
            aggregation=Aggregation(asked["aggregation"]),
            bucket=Bucket(bucket) if bucket else None,
            segment_code=asked.get("segment_code"),
            limit=asked["limit"],
        )
        return Response(
            {
                "loader_code": query.loader.loader_code,
                "time_range": {"from": asked["from_epoch"], "to": asked["to_epoch"]},
                "aggregation": query.aggregation,
                "bucket": query.bucket,
                "data_points": run_query(query),
            }
        )
