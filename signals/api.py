"""REST endpoint of the signals query (spec 8, 10; seed 003 sprint 3; docs/signals.md).

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

import gzip
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework import serializers
from rest_framework.request import Request

from accounts.roles import Permission
from core.api.etags import etag_headers, is_known
from core.api.operations import Operation
from core.api.serializers import Parameters, SeveralIdsField
from core.api.views import Endpoint
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader
from signals.answers import Sent, answer, etag_of, version_of
from signals.buckets import Bucket
from signals.exceptions import QueryInvalidError, QueryTimeoutError
from signals.query import (
    DEFAULT_LIMIT,
    VALUES,
    Aggregation,
    SignalsQuery,
)
from signals.ranges import epoch_window
from signals.reduction import METHOD, ReducedBy

_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")


class QueryParameters(Parameters):
    """Parameters of `signals/query`."""

    loader_code = serializers.CharField(max_length=64)
    from_epoch = serializers.IntegerField()
    to_epoch = serializers.IntegerField()
    segment_code = SeveralIdsField(required=False)
    aggregation = serializers.ChoiceField(
        choices=[a.value for a in Aggregation], default=Aggregation.RAW.value
    )
    bucket = serializers.ChoiceField(choices=[b.value for b in Bucket], required=False)
    group_by = serializers.ChoiceField(choices=["segment"], required=False)
    limit = serializers.IntegerField(default=DEFAULT_LIMIT)
    value = serializers.ChoiceField(choices=list(VALUES), required=False)


class RangeAnswer(serializers.Serializer[Any]):
    """`[from, to)` in seconds since 1970."""

    to = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class PointAnswer(serializers.Serializer[Any]):
    """A signal, or a bucket of them by its start, in epoch seconds (with fractions where it has
    some); `segmentCode` is there for signals, and for buckets a segment."""

    only_for_some = frozenset({"segment_code"})

    timestamp = serializers.FloatField()
    segment_code = serializers.UUIDField(required=False)
    rec_count = serializers.IntegerField(allow_null=True)
    value_count = serializers.IntegerField(allow_null=True)
    sum_val = serializers.FloatField(allow_null=True)
    avg_val = serializers.FloatField(allow_null=True)
    max_val = serializers.FloatField(allow_null=True)
    min_val = serializers.FloatField(allow_null=True)


class SignalsAnswer(serializers.Serializer[Any]):
    """The points in the order of time. `reduced` says whether they stand for more points, of which
    there were `pointsBefore`; `value` is the column that the reduction draws."""

    loader_code = serializers.CharField()
    time_range = RangeAnswer()
    aggregation = serializers.ChoiceField([one.value for one in Aggregation])
    bucket = serializers.ChoiceField([one.value for one in Bucket], allow_null=True)
    value = serializers.ChoiceField(list(VALUES))
    reduced = serializers.BooleanField()
    method = serializers.ChoiceField([METHOD], allow_null=True)
    reduced_by = serializers.ChoiceField([one.value for one in ReducedBy], allow_null=True)
    points_before = serializers.IntegerField()
    data_points = PointAnswer(many=True)


class SignalsQueryView(Endpoint):
    """Signals of one loader over a range."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "querySignals",
            "Read signals over a range",
            answer=SignalsAnswer,
            has_etag=True,
            takes_if_none_match=True,
            errors=(LoaderNotFoundError, QueryInvalidError, QueryTimeoutError),
        )
    }
    parameters = QueryParameters

    def get(self, request: Request) -> HttpResponse:
        query = self._query()
        version = version_of(query.loader)
        etag = etag_of(query, version)
        if is_known(request, etag):
            return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=_tagged(etag))
        return _response(request, answer(query, version))

    def _query(self) -> SignalsQuery:
        """The question. Raises QueryInvalidError and LoaderNotFoundError."""
        asked = self.asked
        return SignalsQuery(
            loader=get_loader(asked["loader_code"], user=self.request.user),
            window=epoch_window(asked["from_epoch"], asked["to_epoch"]),
            aggregation=Aggregation(asked["aggregation"]),
            bucket=Bucket(asked["bucket"]) if "bucket" in asked else None,
            segments=tuple(asked.get("segment_code", ())),
            by_segment="group_by" in asked,
            limit=asked["limit"],
            value=VALUES[asked["value"]] if "value" in asked else "",
        )


def _response(request: Request, sent: Sent) -> HttpResponse:
    """Compressed for who can read that."""
    headers = {} if sent.etag is None else _tagged(sent.etag)
    response = HttpResponse(sent.compressed, content_type="application/json", headers=headers)
    if _GZIP.search(request.headers.get("Accept-Encoding", "")):
        response["Content-Encoding"] = "gzip"
    else:
        response.content = gzip.decompress(sent.compressed)
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def _tagged(etag: str) -> Mapping[str, str]:
    """A weak tag, since the same answer is sent compressed and not."""
    return etag_headers(f"W/{etag}")
