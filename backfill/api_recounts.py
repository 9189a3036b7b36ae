"""REST endpoints of re-counts and lateness (spec 9, 10). Each calls one service."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from backfill.api_answers import SUBMIT_ERRORS, LatenessAnswer
from backfill.exceptions import RecountNotFoundError
from backfill.services.recount_passes import request_recount
from backfill.services.recounts import (
    decline_recount,
    get_recount,
    lateness_of,
    recounts_of,
    reload_recount,
)
from core.api.answers import DataclassAnswer
from core.api.operations import Operation
from core.api.serializers import Parameters, SeveralField, Strict
from core.api.views import Endpoint, ListEndpoint, valid_body
from core.window import Window
from execution.api import accepted
from execution.api_answers import WINDOW_ERRORS, AcceptedAnswer
from execution.api_coverage import ReasonBody
from execution.models import Recount, RecountState
from execution.recount.counting import Difference
from loaders.exceptions import InvalidTransitionError, LoaderNotFoundError, ValidationFailedError
from loaders.services import get_loader

_NOT_SHOWN = ("loader__loader_sql", "load_history__source_error", "load_history__stack_trace")
"""Columns of what is joined that no list needs."""


class RecountBody(Strict):
    """The window to ask again."""

    from_time = serializers.DateTimeField()
    to_time = serializers.DateTimeField()


class DifferenceAnswer(DataclassAnswer):
    """A grain, by its start, and its records as loaded and as found at the source."""

    shows = Difference


class RecountAnswer(serializers.ModelSerializer[Recount]):
    """A re-count; `differences` are grains with the records loaded and found."""

    execution_id = serializers.UUIDField(source="load_history_id")
    loader_code = serializers.CharField(source="loader_id")
    from_time = serializers.DateTimeField(source="load_history.query_from_time")
    to_time = serializers.DateTimeField(source="load_history.query_to_time")
    differences = DifferenceAnswer(many=True)
    reloads = serializers.ListField(child=serializers.UUIDField())
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


class RecountFilter(Parameters):
    """Parameters of a list of re-counts, besides those of its pages."""

    state = SeveralField(RecountState, required=False)


class AnyRecountFilter(RecountFilter):
    """The same over all loaders."""

    loader_code = serializers.CharField(max_length=64, required=False)


class AnyRecountList(ListEndpoint[Recount]):
    """Re-counts of all loaders, newest first."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listAllRecounts", "List the re-counts of all loaders", errors=(LoaderNotFoundError,)
        )
    }
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
    operations = {
        "GET": Operation(
            "listRecounts",
            "List a loader's re-counts",
            tag="recounts",
            errors=(LoaderNotFoundError,),
        ),
        "POST": Operation(
            "requestRecount",
            "Ask for a re-count",
            "The source is asked again for a closed window; nothing is written.",
            tag="recounts",
            body=RecountBody,
            answer=AcceptedAnswer,
            status=202,
            errors=WINDOW_ERRORS,
        ),
    }
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
    operations = {
        "GET": Operation(
            "getRecount", "Read a re-count", answer=RecountAnswer, errors=(RecountNotFoundError,)
        )
    }

    def get(self, request: Request, recount_id: str) -> Response:
        return Response(RecountAnswer(get_recount(UUID(recount_id), user=request.user)).data)


class RecountReload(Endpoint):
    """Load the grains again though records are fewer now, saying why."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "reloadRecount",
            "Load the counted time again",
            body=ReasonBody,
            answer=RecountAnswer,
            errors=(RecountNotFoundError, InvalidTransitionError, *SUBMIT_ERRORS),
        )
    }

    def post(self, request: Request, recount_id: str) -> Response:
        recount = get_recount(UUID(recount_id), user=request.user)
        reason = valid_body(ReasonBody, request)["reason"]
        return Response(
            RecountAnswer(reload_recount(user=request.user, recount=recount, reason=reason)).data
        )


class RecountDecline(Endpoint):
    """Leave what is loaded as it is, saying why."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "declineRecount",
            "Leave what is loaded",
            body=ReasonBody,
            answer=RecountAnswer,
            errors=(RecountNotFoundError, InvalidTransitionError),
        )
    }

    def post(self, request: Request, recount_id: str) -> Response:
        recount = get_recount(UUID(recount_id), user=request.user)
        reason = valid_body(ReasonBody, request)["reason"]
        return Response(
            RecountAnswer(decline_recount(user=request.user, recount=recount, reason=reason)).data
        )


class LoaderLateness(Endpoint):
    """How late the loader's records come, and which lateness would have caught them."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getLateness",
            "Read how late a loader's records come",
            tag="recounts",
            answer=LatenessAnswer,
            errors=(LoaderNotFoundError,),
        )
    }

    def get(self, request: Request, code: str) -> Response:
        loader = get_loader(code, user=request.user)
        buckets, wanted = lateness_of(loader)
        told = {
            "loader_code": loader.loader_code,
            "lateness_seconds": loader.lateness_seconds,
            "suggested_lateness_seconds": None if wanted is None else int(wanted.total_seconds()),
            "buckets": buckets,
        }
        return Response(LatenessAnswer(told).data)
