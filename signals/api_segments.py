"""REST endpoints of the segments dictionary (spec 2, 10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.pagination import NewestFirstPagination
from core.api.serializers import Parameters, Strict
from core.api.views import Endpoint, ListEndpoint, valid_body
from loaders.exceptions import LoaderNotFoundError
from loaders.services import get_loader
from signals.dictionary import (
    LONGEST,
    describe_segment,
    get_segment,
    named_segments,
    of_loader,
    search_segments,
)
from signals.exceptions import SegmentNotFoundError
from signals.models import SegmentCombination


class SegmentAnswer(serializers.Serializer[SegmentCombination]):
    """A segment combination; `description` and `describedAt` are null where it has no name."""

    segment_code = serializers.UUIDField()
    segments = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField(allow_null=True)
    described_at = serializers.DateTimeField(allow_null=True)


class SegmentFilter(Parameters):
    """Parameters of the list, besides those of its pages."""

    loader_code = serializers.CharField(max_length=64, required=False)
    search = serializers.CharField(max_length=200, required=False)


class DescriptionBody(Strict):
    """What to call a combination; nothing takes its name away."""

    description = serializers.CharField(allow_blank=True, max_length=LONGEST)


class ByCodePagination(NewestFirstPagination):
    """Pages in the order of codes."""

    ordering = "segment_code"


class SegmentList(ListEndpoint[SegmentCombination]):
    """Segment combinations in the order of their codes, with their names. `loaderCode` asks for
    those that a loader has brought, `search` for words in segments and names."""

    needs = {"GET": Permission.VIEW}
    parameters = SegmentFilter
    serializer_class = SegmentAnswer
    pagination_class = ByCodePagination
    operations = {
        "GET": Operation(
            "listSegments",
            "List segment combinations",
            tag="signals",
            errors=(LoaderNotFoundError,),
        )
    }

    def get_queryset(self) -> QuerySet[SegmentCombination]:
        found = named_segments(self.request.user)
        if "loader_code" in self.asked:
            loader = get_loader(self.asked["loader_code"], user=self.request.user)
            found = of_loader(found, loader.loader_code)
        return search_segments(found, self.asked.get("search", ""))


class SegmentDetail(Endpoint):
    """One segment combination: read it, or say what to call it."""

    needs = {
        "GET": Permission.VIEW,
        "PUT": Permission.DESCRIBE_SEGMENTS,
        "PATCH": Permission.DESCRIBE_SEGMENTS,
    }
    operations = {
        "GET": Operation(
            "getSegment",
            "Read a segment combination",
            answer=SegmentAnswer,
            tag="signals",
            errors=(SegmentNotFoundError,),
        ),
        "PUT": Operation(
            "describeSegment",
            "Name a segment combination",
            body=DescriptionBody,
            answer=SegmentAnswer,
            tag="signals",
            errors=(SegmentNotFoundError,),
        ),
        "PATCH": Operation(
            "changeSegmentDescription",
            "Change the name of a segment combination",
            body=DescriptionBody,
            answer=SegmentAnswer,
            tag="signals",
            errors=(SegmentNotFoundError,),
        ),
    }

    def get(self, request: Request, segment_code: str) -> Response:
        return _answer(get_segment(UUID(segment_code), user=request.user))

    def put(self, request: Request, segment_code: str) -> Response:
        code = UUID(segment_code)
        get_segment(code, user=request.user)
        body: dict[str, Any] = valid_body(DescriptionBody, request)
        return _answer(
            describe_segment(user=request.user, segment_code=code, description=body["description"])
        )

    patch = put


def _answer(segment: SegmentCombination) -> Response:
    return Response(SegmentAnswer(segment).data)
