"""REST endpoints of re-counts and lateness (spec 9, 10). Each calls one service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from backfill.services.recount_passes import request_recount
from backfill.services.recounts import (
    decline_recount,
    get_recount,
    lateness_of,
    recounts_of,
    reload_recount,
)
from core.api.serializers import Parameters, SeveralField, Strict
from core.api.views import Endpoint, ListEndpoint, valid_body
from core.window import Window
from execution.api import accepted
from execution.models import Recount, RecountState
from loaders.exceptions import ValidationFailedError
from loaders.services import get_loader

_NOT_SHOWN = ("loader__loader_sql", "load_history__source_error", "load_history__stack_trace")
"""Columns of what is joined that no list needs."""


class RecountBody(Strict):
    """The window to ask again."""

    from_time = serializers.DateTimeField()
    to_time = serializers.DateTimeField()


class ReasonBody(Strict):
    """Why it is decided so."""

    reason = serializers.CharField(max_length=1000)


class RecountAnswer(serializers.ModelSerializer[Recount]):
    """A re-count; `differences` are grains with the records loaded and found."""

    execution_id = serializers.UUIDField(source="load_history_id")
    loader_code = serializers.CharField(source="loader_id")
    from_time = serializers.DateTimeField(source="load_history.query_from_time")
    to_time = serializers.DateTimeField(source="load_history.query_to_time")
    differences = serializers.SerializerMethodField()
    decided_by = serializers.CharField(source="decided_by.username", default=None)

    class Meta:
        model = Recount
        fields = (
            "id",
            "execution_id",
            "loader_code",
            "from_time",
            "to_time",
            "state",
            "age_seconds",
            "found_records",
            "late_records",
            "lost_records",
            "differences",
            "is_cut",
            "reloads",
            "decided_by",
            "decided_at",
            "reason",
        )

    def get_differences(self, recount: Recount) -> list[dict[str, Any]]:
        """In the order of time."""
        return [
            {"at": one.at, "loaded": one.loaded, "found": one.found} for one in recount.differences
        ]


class RecountFilter(Parameters):
    """Parameters of a list of re-counts, besides those of its pages."""

    state = SeveralField(RecountState, required=False)


class AnyRecountFilter(RecountFilter):
    """The same over all loaders."""

    loader_code = serializers.CharField(max_length=64, required=False)


class AnyRecountList(ListEndpoint[Recount]):
    """Re-counts of all loaders, newest first."""

    needs = {"GET": Permission.VIEW}
    parameters: type[Parameters] = AnyRecountFilter
    serializer_class = RecountAnswer

    def get_queryset(self) -> QuerySet[Recount]:
        found = recounts_of(self.request.user).defer(*_NOT_SHOWN)
        code = self.kwargs.get("code") or self.asked.get("loader_code")
        if code is not None:
            found = found.filter(loader=get_loader(code, user=self.request.user))
        if "state" in self.asked:
            found = found.filter(state__in=self.asked["state"])
        return found


class RecountList(AnyRecountList):
    """Re-counts of a loader, newest first; or ask for one, without waiting for it."""

    needs = {"GET": Permission.VIEW, "POST": Permission.BACKFILL}
    parameters = RecountFilter

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(RecountBody, request)
        if body["from_time"] >= body["to_time"]:
            message = "The end must be after the start."
            raise ValidationFailedError(message, details={"errors": {"toTime": [message]}})
        return accepted(
            request_recount(
                user=request.user,
                loader=get_loader(code, user=request.user),
                window=Window(body["from_time"], body["to_time"]),
            )
        )


class RecountDetail(Endpoint):
    """One re-count."""

    needs = {"GET": Permission.VIEW}

    def get(self, request: Request, recount_id: str) -> Response:
        return Response(RecountAnswer(get_recount(UUID(recount_id), user=request.user)).data)


class RecountReload(Endpoint):
    """Load the grains again though records are fewer now, saying why."""

    needs = {"POST": Permission.BACKFILL}

    def post(self, request: Request, recount_id: str) -> Response:
        recount = get_recount(UUID(recount_id), user=request.user)
        reason = valid_body(ReasonBody, request)["reason"]
        return Response(
            RecountAnswer(reload_recount(user=request.user, recount=recount, reason=reason)).data
        )


class RecountDecline(Endpoint):
    """Leave what is loaded as it is, saying why."""

    needs = {"POST": Permission.BACKFILL}

    def post(self, request: Request, recount_id: str) -> Response:
        recount = get_recount(UUID(recount_id), user=request.user)
        reason = valid_body(ReasonBody, request)["reason"]
        return Response(
            RecountAnswer(decline_recount(user=request.user, recount=recount, reason=reason)).data
        )


class LoaderLateness(Endpoint):
    """How late the loader's records come, and which lateness would have caught them."""

    needs = {"GET": Permission.VIEW}

    def get(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        buckets, wanted = lateness_of(loader)
        return Response(
            {
                "loader_code": loader.loader_code,
                "lateness_seconds": loader.lateness_seconds,
                "suggested_lateness_seconds": None
                if wanted is None
                else int(wanted.total_seconds()),
                "buckets": [
                    {
                        "over_seconds": int(bucket.over.total_seconds()),
                        "until_seconds": int(bucket.until.total_seconds()),
                        "records": bucket.records,
                        "late_records": bucket.late,
                        "share": round(bucket.share, 6),
                    }
                    for bucket in buckets
                ],
            }
        )
