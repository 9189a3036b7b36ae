"""REST endpoint for signals that another system posts (spec 8, 10)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.json import LargeBodyParser
from core.api.operations import Operation
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_body
from execution.exceptions import PostTooScatteredError
from execution.services import post_signals
from loaders.exceptions import (
    DefinitionTamperedError,
    LoaderArchivedError,
    LoaderDisabledError,
    LoaderNotApprovedError,
    LoaderNotExternalError,
    LoaderNotFoundError,
)
from loaders.services import get_loader
from signals.exceptions import PartitionBusyError
from signals.models import SEGMENT_COUNT


class SignalForm(Strict):
    """A signal, for the description of the API; the service checks all of them by itself."""

    load_time_stamp = serializers.DateTimeField(
        help_text="With its offset, or epoch seconds as a number. On the loader's grain."
    )
    segments = serializers.ListField(
        child=serializers.CharField(allow_null=True, allow_blank=True),
        max_length=SEGMENT_COUNT,
        required=False,
    )
    rec_count = serializers.IntegerField(min_value=0, required=False, allow_null=True)
    value_count = serializers.IntegerField(
        min_value=0,
        required=False,
        allow_null=True,
        help_text="How many values sumVal and avgVal stand for; recCount if left out.",
    )
    sum_val = serializers.FloatField(required=False, allow_null=True)
    avg_val = serializers.FloatField(required=False, allow_null=True)
    max_val = serializers.FloatField(required=False, allow_null=True)
    min_val = serializers.FloatField(required=False, allow_null=True)


class SignalsField(serializers.ListField):
    """A list, whose items the service looks at: a serializer for each would take seconds."""

    child = SignalForm()

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Give a list of signals.")
        return data


class BulkBody(Strict):
    """Body of a post."""

    loader_code = serializers.CharField(max_length=64)
    signals = SignalsField()


class PostedExecution(serializers.Serializer[Any]):
    """An execution that a post left, one a stretch of time."""

    execution_id = serializers.UUIDField(source="id")
    query_from_time = serializers.DateTimeField()
    query_to_time = serializers.DateTimeField()
    records_loaded = serializers.IntegerField()
    records_purged = serializers.IntegerField()


class PostedAnswer(serializers.Serializer[Any]):
    """What became of a post."""

    loader_code = serializers.CharField()
    received = serializers.IntegerField()
    inserted = serializers.IntegerField()
    replaced = serializers.IntegerField()
    executions = PostedExecution(many=True)


class SignalsBulk(Endpoint):
    """Store up to 10,000 signals of one EXTERNAL loader, all or none. Those of the same time and
    segments are replaced, so the same body sent again gives the same data."""

    needs = {"POST": Permission.POST_SIGNALS}
    operations = {
        "POST": Operation(
            "postSignals",
            "Post signals of an EXTERNAL loader",
            body=BulkBody,
            answer=PostedAnswer,
            status=201,
            tag="signals",
            errors=(
                LoaderNotFoundError,
                LoaderNotExternalError,
                LoaderArchivedError,
                LoaderDisabledError,
                LoaderNotApprovedError,
                DefinitionTamperedError,
                PostTooScatteredError,
                PartitionBusyError,
            ),
        )
    }
    parser_classes = [LargeBodyParser]

    def post(self, request: Request) -> Response:
        body = valid_body(BulkBody, request)
        loader = get_loader(body["loader_code"], user=request.user)
        posted = post_signals(user=request.user, loader=loader, signals=body["signals"])
        return Response(PostedAnswer(posted).data, status=status.HTTP_201_CREATED)
