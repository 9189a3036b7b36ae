"""Endpoints of trials: test query, dry run, their results, and the evidence about a version."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_body
from execution.api import accepted
from execution.api_answers import RUN_ERRORS, AcceptedAnswer, EvidenceAnswer, TrialAnswer
from execution.exceptions import TrialNotFoundError, TrialsNotAllowedError, TrialWindowError
from execution.models import TrialKind
from execution.services import get_trial, request_trial, shows_data
from execution.trials.windows import window_between
from loaders.exceptions import (
    InvalidTransitionError,
    LoaderNotFoundError,
    SqlInvalidError,
    VersionNotFoundError,
)
from loaders.models import LoaderVersion
from loaders.services import (
    evidence_of,
    get_loader,
    get_version,
    may_see_evidence,
    renew_evidence,
    show_sql,
)
from loaders.trial_report import TrialReport

_ERRORS = (*RUN_ERRORS, TrialsNotAllowedError, TrialWindowError, SqlInvalidError)
_EVIDENCE_ERRORS = (LoaderNotFoundError, VersionNotFoundError)


class DryRunBody(Strict):
    """The window to read; without one, the widest that the loader's next runs would read."""

    from_time = serializers.DateTimeField(required=False, allow_null=True, default=None)
    to_time = serializers.DateTimeField(required=False, allow_null=True, default=None)


class TestQueryBody(DryRunBody):
    """The same, and the statement to try in place of the loader's own."""

    sql = serializers.CharField(
        max_length=100_000, required=False, allow_null=True, default=None, trim_whitespace=False
    )


class LoaderTestQuery(Endpoint):
    """Ask the source for the first rows of the draft, or of another statement; does not wait."""

    needs = {"POST": Permission.EDIT_LOADERS}
    operations = {
        "POST": Operation(
            "testLoaderQuery",
            "Ask the source for first rows",
            tag="trials",
            body=TestQueryBody,
            body_is_optional=True,
            answer=AcceptedAnswer,
            status=202,
            errors=_ERRORS,
        )
    }

    def post(self, request: Request, code: str) -> Response:
        body = valid_body(TestQueryBody, request)
        return _requested(request, code, TrialKind.TEST_QUERY, body)


class LoaderDryRun(Endpoint):
    """Read and check a window of the draft without writing a signal; does not wait."""

    needs = {"POST": Permission.EDIT_LOADERS}
    operations = {
        "POST": Operation(
            "dryRunLoader",
            "Try a run without writing",
            tag="trials",
            body=DryRunBody,
            body_is_optional=True,
            answer=AcceptedAnswer,
            status=202,
            errors=_ERRORS,
        )
    }

    def post(self, request: Request, code: str) -> Response:
        return _requested(request, code, TrialKind.DRY_RUN, valid_body(DryRunBody, request))


class ExecutionTrial(Endpoint):
    """How far a trial has come, and what it found."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getTrial",
            "Read what a trial found",
            tag="trials",
            answer=TrialAnswer,
            errors=(TrialNotFoundError,),
        )
    }

    def get(self, request: Request, execution_id: str) -> Response:
        trial = get_trial(UUID(execution_id), user=request.user)
        execution = trial.load_history
        report = None if trial.report is None else TrialReport.from_json(trial.report)
        with_data = report is not None and shows_data(request.user, trial)
        told = {
            "execution_id": execution.pk,
            "loader_code": execution.loader_id,
            "kind": trial.kind,
            "status": execution.status,
            "stage": trial.stage,
            "rows_so_far": trial.rows_so_far,
            "report": _shown(report, with_data=with_data),
        }
        return Response(TrialAnswer(told).data)


class VersionEvidence(Endpoint):
    """The evidence about a version; a POST has it gathered again while the version waits."""

    needs = {"GET": Permission.VIEW, "POST": Permission.VIEW_SQL}
    operations = {
        "GET": Operation(
            "getEvidence",
            "Read the evidence about a version",
            tag="trials",
            answer=EvidenceAnswer,
            errors=_EVIDENCE_ERRORS,
        ),
        "POST": Operation(
            "renewEvidence",
            "Gather the evidence anew",
            "Only while the version waits for a decision.",
            tag="trials",
            answer=EvidenceAnswer,
            status=202,
            errors=(*_EVIDENCE_ERRORS, InvalidTransitionError, *RUN_ERRORS),
        ),
    }

    def get(self, request: Request, code: str, number: str) -> Response:
        return self._answer(request, self._version(request, code, number))

    def post(self, request: Request, code: str, number: str) -> Response:
        version = self._version(request, code, number)
        renew_evidence(user=request.user, version=version)
        return self._answer(request, version, status.HTTP_202_ACCEPTED)

    @staticmethod
    def _version(request: Request, code: str, number: str) -> LoaderVersion:
        return get_version(get_loader(code, user=request.user), int(number))

    @staticmethod
    def _answer(
        request: Request, version: LoaderVersion, code: int = status.HTTP_200_OK
    ) -> Response:
        pack = evidence_of(version)
        report = pack.findings()
        loader = version.loader
        with_data = (
            report is not None
            and may_see_evidence(request.user, loader)
            and show_sql(user=request.user, loader_code=loader.loader_code)
        )
        told = {
            "version": version.number,
            "status": pack.status,
            "note": pack.note,
            "gathered_at": pack.gathered_at,
            "report": _shown(report, with_data=with_data),
        }
        return Response(EvidenceAnswer(told).data, status=code)


def _requested(request: Request, code: str, kind: TrialKind, body: dict[str, Any]) -> Response:
    history = request_trial(
        user=request.user,
        loader=get_loader(code, user=request.user),
        kind=kind,
        window=window_between(body["from_time"], body["to_time"]),
        sql=body.get("sql"),
    )
    return accepted(history)


def _shown(report: TrialReport | None, *, with_data: bool) -> TrialReport | None:
    return report if report is None or with_data else report.without_data()
