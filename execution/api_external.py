"""REST endpoint for signals that another system posts (spec 8, 10)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.json import CamelCaseParser, underscore
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_body
from execution.services import post_signals
from loaders.services import get_loader


class SignalsParser(CamelCaseParser):
    """Takes a body of many signals. Their members keep the names they came with: to rename them
    would take longer than all else."""

    most_bytes = 16 * 1024 * 1024

    def named(self, parsed: Any) -> Any:
        if not isinstance(parsed, dict):
            return parsed
        return {underscore(name): value for name, value in parsed.items()}


class SignalsField(serializers.Field[Any, Any, Any, Any]):
    """A list, whose items the service looks at."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Give a list of signals.")
        return data


class BulkBody(Strict):
    """Body of a post."""

    loader_code = serializers.CharField(max_length=64)
    signals = SignalsField()


class SignalsBulk(Endpoint):
    """Store up to 10,000 signals of one EXTERNAL loader, all or none."""

    needs = {"POST": Permission.POST_SIGNALS}
    parser_classes = [SignalsParser]

    def post(self, request: Request) -> Response:
        body = valid_body(BulkBody, request)
        loader = get_loader(body["loader_code"], user=request.user)
        posted = post_signals(user=request.user, loader=loader, signals=body["signals"])
        return Response(
            {
                "loader_code": loader.loader_code,
                "received": posted.received,
                "inserted": posted.received - posted.replaced,
                "replaced": posted.replaced,
                "executions": [
                    {
                        "execution_id": execution.pk,
                        "query_from_time": execution.query_from_time,
                        "query_to_time": execution.query_to_time,
                        "records_loaded": execution.records_loaded,
                        "records_purged": execution.records_purged,
                    }
                    for execution in posted.executions
                ],
            },
            status=status.HTTP_201_CREATED,
        )
