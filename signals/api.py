"""REST endpoint of the signals query (spec 8, 10)."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.serializers import Parameters
from core.api.views import Endpoint
from loaders.services import get_loader
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


class SignalsQueryView(Endpoint):
    """Signals of one loader over a range."""

    needs = {"GET": Permission.VIEW}
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
