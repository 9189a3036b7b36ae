"""REST endpoint of events, for those who follow loaders (spec 10)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from audit.models import LoaderEvent
from audit.outbox import position_of
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_parameters
from loaders import services


class EventParameters(Strict):
    """What a follower asks for."""

    after = serializers.CharField(max_length=64, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    kind = serializers.CharField(max_length=256, default="")
    loader_code = serializers.CharField(max_length=64, default="")

    def validate_kind(self, text: str) -> list[str]:
        """One or several kinds, by commas."""
        kinds = [word.strip().upper() for word in text.split(",") if word.strip()]
        if not set(kinds) <= set(LoaderEvent.Kind.values):
            raise serializers.ValidationError(
                f"Use one or several of {', '.join(LoaderEvent.Kind.values)}, by commas."
            )
        return kinds


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


class EventList(Endpoint):
    """Events behind a cursor, oldest first; `next` is always given. No call waits for events."""

    needs = {"GET": Permission.VIEW}

    def get(self, request: Request) -> Response:
        asked: dict[str, Any] = valid_parameters(EventParameters, request)
        page = services.follow_events(
            user=request.user,
            after=asked["after"],
            limit=asked["limit"],
            kinds=asked["kind"],
            loader_code=asked["loader_code"],
        )
        return Response(
            {
                "results": EventAnswer(page.events, many=True).data,
                "next": page.next.cursor(),
                "has_more": page.has_more,
            }
        )
