"""REST endpoints of backfills (spec 10). Each calls one service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission, User
from backfill import services
from backfill.api_answers import SUBMIT_ERRORS, PreviewAnswer
from backfill.exceptions import (
    BackfillJobNotCancellableError,
    BackfillJobNotFoundError,
    BackfillJobNotPendingError,
    BackfillTransitionError,
)
from backfill.models import BackfillJob, BackfillRun
from backfill.serializers import (
    CommentBody,
    JobAnswer,
    JobBody,
    JobFilter,
    JobRow,
    PreviewBody,
    RunAnswer,
    WantedBody,
    wanted_in,
)
from backfill.services.reading import jobs_of
from core.api.idempotency import Repetition
from core.api.operations import Operation
from core.api.views import Endpoint, ListEndpoint, valid_body
from execution.requesters import asked_for_by
from loaders.exceptions import LoaderNotFoundError, SelfApprovalError
from loaders.services import get_loader


class BackfillList(ListEndpoint[BackfillJob]):
    """Backfills, newest first. Or submit one."""

    needs = {"GET": Permission.VIEW, "POST": Permission.BACKFILL}
    operations = {
        "GET": Operation("listBackfills", "List backfills", errors=(LoaderNotFoundError,)),
        "POST": Operation(
            "submitBackfill",
            "Submit a backfill",
            "A large one waits for a second person's approval, the others start by priority.",
            body=JobBody,
            answer=JobAnswer,
            status=201,
            errors=SUBMIT_ERRORS,
        ),
    }

    parameters = JobFilter
    serializer_class = JobRow

    def get_queryset(self) -> QuerySet[BackfillJob]:
        user = self.request.user
        jobs = jobs_of(user)
        asked = self.asked
        if "loader_code" in asked:
            jobs = jobs.filter(loader=get_loader(asked["loader_code"], user=user))
        if "status" in asked:
            jobs = jobs.filter(status__in=asked["status"])
        if "requested_by" in asked:
            jobs = jobs.filter(asked_for_by(asked["requested_by"]))
        return jobs

    def post(self, request: Request) -> Response:
        body = valid_body(JobBody, request)
        job = services.submit(
            user=request.user,
            loader=get_loader(body["loader_code"], user=request.user),
            wanted=wanted_in(body),
        )
        return Response(JobAnswer(job).data, status=status.HTTP_201_CREATED)


class BackfillPreview(Endpoint):
    """What a backfill would do; nothing is written."""

    repetition = Repetition.HARMLESS

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "previewBackfill",
            "See what a backfill would do",
            body=PreviewBody,
            answer=PreviewAnswer,
            errors=SUBMIT_ERRORS,
        )
    }

    def post(self, request: Request) -> Response:
        body = valid_body(PreviewBody, request)
        found = services.preview(
            user=request.user,
            loader=get_loader(body["loader_code"], user=request.user),
            wanted=wanted_in(body),
            page=body["page"],
            page_size=body["page_size"],
        )
        return Response(PreviewAnswer(found).data)


class BackfillDetail(Endpoint):
    """One backfill."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getBackfill", "Read a backfill", answer=JobAnswer, errors=(BackfillJobNotFoundError,)
        )
    }

    def get(self, request: Request, job_id: str) -> Response:
        return Response(JobAnswer(_job(job_id, request.user)).data)


class BackfillWindows(ListEndpoint[BackfillRun]):
    """The attempts of a backfill at its windows, newest first."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "listBackfillWindows", "List a backfill's windows", errors=(BackfillJobNotFoundError,)
        )
    }

    serializer_class = RunAnswer

    def get_queryset(self) -> QuerySet[BackfillRun]:
        return BackfillRun.objects.filter(job=_job(self.kwargs["job_id"], self.request.user))


class BackfillExecute(Endpoint):
    """Ask for a pending backfill to start now, ahead of the others."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "executeBackfill",
            "Start a backfill now",
            answer=JobAnswer,
            status=202,
            errors=(BackfillJobNotFoundError, BackfillJobNotPendingError, BackfillTransitionError),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = services.execute(user=request.user, job=_job(job_id, request.user))
        return Response(JobAnswer(job).data, status=status.HTTP_202_ACCEPTED)


class BackfillCancel(Endpoint):
    """End a backfill; what runs of it stops at the source."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "cancelBackfill",
            "Cancel a backfill",
            answer=JobAnswer,
            errors=(
                BackfillJobNotFoundError,
                BackfillJobNotCancellableError,
                BackfillTransitionError,
            ),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = services.cancel(user=request.user, job=_job(job_id, request.user))
        return Response(JobAnswer(job).data)


class BackfillPause(Endpoint):
    """Hand out no further window."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "pauseBackfill",
            "Pause a backfill",
            answer=JobAnswer,
            errors=(BackfillJobNotFoundError, BackfillTransitionError),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = services.pause(user=request.user, job=_job(job_id, request.user))
        return Response(JobAnswer(job).data)


class BackfillResume(Endpoint):
    """Let a paused backfill go on."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "resumeBackfill",
            "Let a paused backfill go on",
            answer=JobAnswer,
            errors=(BackfillJobNotFoundError, BackfillTransitionError, *SUBMIT_ERRORS),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = services.resume(user=request.user, job=_job(job_id, request.user))
        return Response(JobAnswer(job).data)


class BackfillRetry(Endpoint):
    """Submit a backfill that ended without success again: with an empty body by its own values,
    else by those of the body, which is that of submit without the loader."""

    needs = {"POST": Permission.BACKFILL}
    operations = {
        "POST": Operation(
            "retryBackfill",
            "Submit a backfill again",
            body=WantedBody,
            body_is_optional=True,
            answer=JobAnswer,
            status=201,
            errors=(BackfillJobNotFoundError, BackfillTransitionError, *SUBMIT_ERRORS),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = _job(job_id, request.user)
        wanted = None if request.data == {} else wanted_in(valid_body(WantedBody, request))
        retried = services.retry(user=request.user, job=job, wanted=wanted)
        return Response(JobAnswer(retried).data, status=status.HTTP_201_CREATED)


class BackfillApprove(Endpoint):
    """Let a large backfill start."""

    needs = {"POST": Permission.APPROVE}
    operations = {
        "POST": Operation(
            "approveBackfill",
            "Approve a large backfill",
            "Nobody approves the backfill that they asked for.",
            body=CommentBody,
            body_is_optional=True,
            answer=JobAnswer,
            errors=(
                BackfillJobNotFoundError,
                BackfillTransitionError,
                SelfApprovalError,
                *SUBMIT_ERRORS,
            ),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = _job(job_id, request.user)
        body: dict[str, Any] = valid_body(CommentBody, request)
        return Response(JobAnswer(services.approve(user=request.user, job=job, **body)).data)


class BackfillReject(Endpoint):
    """Refuse a large backfill, saying why."""

    needs = {"POST": Permission.APPROVE}
    operations = {
        "POST": Operation(
            "rejectBackfill",
            "Reject a large backfill",
            body=CommentBody,
            body_is_optional=True,
            answer=JobAnswer,
            errors=(BackfillJobNotFoundError, BackfillTransitionError),
        )
    }

    def post(self, request: Request, job_id: str) -> Response:
        job = _job(job_id, request.user)
        body: dict[str, Any] = valid_body(CommentBody, request)
        return Response(JobAnswer(services.reject(user=request.user, job=job, **body)).data)


def _job(job_id: str, user: User) -> BackfillJob:
    return services.get_job(UUID(job_id), user=user)
