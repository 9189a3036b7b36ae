"""REST endpoint that finds combinations of segments (spec 8)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

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
from signals.ranges import epoch_window
from signals.segment_search import (
    MOST_SEGMENTS,
    FoundSegment,
    SegmentSearch,
    find_segments,
    words_of,
)


class SegmentParameters(Parameters):
    """Parameters of `signals/segments`."""

    loader_code = serializers.CharField(max_length=64)
    search = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    from_epoch = serializers.IntegerField(required=False)
    to_epoch = serializers.IntegerField(required=False)
    segment_codes = serializers.CharField(max_length=37 * MOST_SEGMENTS, required=False)
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MOST_SEGMENTS)

    def validate_segment_codes(self, text: str) -> tuple[UUID, ...]:
        """UUIDs, separated by commas."""
        try:
            return tuple(UUID(part.strip()) for part in text.split(","))
        except ValueError:
            raise serializers.ValidationError(
                "Give segment codes (UUIDs), separated by commas."
            ) from None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A range has both ends or none."""
        if ("from_epoch" in attrs) != ("to_epoch" in attrs):
            missing = "to_epoch" if "from_epoch" in attrs else "from_epoch"
            raise serializers.ValidationError({missing: ["Give both ends of the range, or none."]})
        return attrs


class FoundSegmentAnswer(serializers.Serializer[FoundSegment]):
    """A combination: `name` is its texts that are not empty, `description` what the dictionary
    calls it."""

    segment_code = serializers.UUIDField()
    description = serializers.CharField()
    name = serializers.CharField()
    segments = serializers.ListField(child=serializers.CharField())


class FoundSegmentsAnswer(serializers.Serializer[Any]):
    """The first combinations that were found, and whether there are more."""

    loader_code = serializers.CharField()
    segments = FoundSegmentAnswer(many=True)
    more = serializers.BooleanField()


class SegmentFinder(Endpoint):
    """Combinations of segments that a loader has brought, found by words of their texts and of the
    dictionary. `segmentCodes` looks some up, by commas. With a range, what its newest signals have
    most of comes first."""

    needs = {"GET": Permission.VIEW}
    parameters = SegmentParameters
    operations = {
        "GET": Operation(
            "findSegments",
            "Find combinations of segments of a loader",
            answer=FoundSegmentsAnswer,
            tag="signals",
            errors=(LoaderNotFoundError, QueryInvalidError),
        )
    }

    def get(self, request: Request) -> Response:
        asked = self.asked
        loader = get_loader(asked["loader_code"], user=request.user)
        window = None
        if "from_epoch" in asked:
            window = epoch_window(asked["from_epoch"], asked["to_epoch"])
        found, more = find_segments(
            SegmentSearch(
                loader_code=loader.loader_code,
                words=words_of(asked["search"]),
                window=window,
                codes=asked.get("segment_codes", ()),
                limit=asked["limit"],
            )
        )
        answer = {"loader_code": loader.loader_code, "segments": found, "more": more}
        return Response(FoundSegmentsAnswer(answer).data)
