"""REST endpoint of events, for those who follow loaders (spec 10)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit.exceptions import EventCursorInvalidError, EventsExpiredError, EventsReplacedError
from audit.models import LoaderEvent
from audit.outbox import position_of
from core.api.operations import Operation
from core.api.serializers import Parameters, SeveralField
from core.api.views import Endpoint
from loaders import services
from loaders.exceptions import LoaderNotFoundError


class EventParameters(Parameters):
    """What a follower asks for."""

    after = serializers.CharField(max_length=64, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    kind = SeveralField(LoaderEvent.Kind, default=list)
    loader_code = serializers.CharField(max_length=64, default="")


class EventAnswer(serializers.ModelSerializer[LoaderEvent]):
    """One event. `cursor` is where to go on behind it."""

    cursor = serializers.SerializerMethodField()

    class Meta:
        model = LoaderEvent
        fields = (
            "id",
            "kind",
            "at",
            "loader_code",
            "execution_id",
            "window_from",
            "window_to",
            "details",
            "correlation_id",
            "cursor",
        )

    def get_cursor(self, event: LoaderEvent) -> str:
        """Opaque."""
        return position_of(event).cursor()


class EventPageAnswer(serializers.Serializer[Any]):
    """Events, and where to go on behind them."""

    results = EventAnswer(many=True)
    next = serializers.CharField()
    has_more = serializers.BooleanField()


class EventList(Endpoint):
    """Events behind a cursor, oldest first; `next` is always given. No call waits for events."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listEvents",
            "Follow events",
            answer=EventPageAnswer,
            errors=(
                LoaderNotFoundError,
                EventCursorInvalidError,
                EventsExpiredError,
                EventsReplacedError,
            ),
        )
    }
    parameters = EventParameters

    def get(self, request: Request) -> Response:
        asked = self.asked
        page = services.follow_events(
            user=request.user,
            after=asked["after"],
            limit=asked["limit"],
            kinds=asked["kind"],
            loader_code=asked["loader_code"],
        )
        told = {"results": page.events, "next": page.next.cursor(), "has_more": page.has_more}
        return Response(EventPageAnswer(told).data)
