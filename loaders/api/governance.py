"""REST endpoint of the governance report."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Permission
from core.api.operations import Operation
from core.api.pagination import NumberedPagination
from core.api.serializers import NumberedPageParameters
from core.api.views import Endpoint
from loaders import services
from loaders.api.answers import GovernancePageAnswer
from loaders.governance.findings import Rule, Severity
from loaders.governance.presentation import document_of


class GovernanceParameters(NumberedPageParameters):
    """What the report is narrowed to. An empty team is what no team owns."""

    rule = serializers.ChoiceField(list(Rule), default=None)
    severity = serializers.ChoiceField(list(Severity), default=None)
    team = serializers.CharField(max_length=128, allow_blank=True, default=None)


class GovernanceReport(Endpoint):
    """What of loaders, sources and approvals is not as it should be, the gravest first. `counts`
    are of all that the team's filter lets through, by severity and rule."""

    needs = {"GET": Permission.VIEW}
    operations = {
        "GET": Operation(
            "getGovernanceReport", "Read the governance report", answer=GovernancePageAnswer
        )
    }
    parameters = GovernanceParameters

    def get(self, request: Request) -> Response:
        asked = self.asked
        report = services.governance_report(
            user=request.user,
            rule=asked["rule"],
            severity=asked["severity"],
            team=asked["team"],
        )
        pages = NumberedPagination()
        shown = pages.paginate_queryset(report.findings, request, view=self)
        page = pages.get_paginated_response([document_of(f) for f in shown or ()]).data
        page["counts"] = {
            "by_severity": report.by_severity,
            "by_rule": [
                {"rule": rule, "findings": count} for rule, count in report.by_rule.items()
            ],
        }
        return Response(GovernancePageAnswer(page).data)
