"""The console's page of the governance report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.roles import PermissionDeniedError
from core.display import Tone, badge
from loaders.governance.findings import REGISTER, Finding, Report, Rule, Severity
from loaders.governance.presentation import csv_of, link_to
from loaders.services import export_governance_report, governance_report

_PAGE_SIZE = 100
_TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.WAITING, Severity.NOTICE: Tone.QUIET}
_NO_TEAM = "(none)"


@dataclass(frozen=True)
class Count:
    """A number at the top, which leads to its findings."""

    label: str
    number: int
    address: str
    tone: Tone
    meaning: str = ""


@dataclass(frozen=True)
class Row:
    """A finding as the table shows it."""

    finding: Finding
    severity: SafeString
    link: str


class GovernanceFilter(forms.Form):
    """What the address may ask for. What it doesn't know narrows nothing."""

    rule = forms.ChoiceField(choices=[("", "")] + [(r.value, r.value) for r in Rule])
    severity = forms.ChoiceField(choices=[("", "")] + [(s.value, s.value) for s in Severity])
    team = forms.CharField(max_length=128)

    def asked(self) -> dict[str, Any]:
        """The service's keywords."""
        self.is_valid()
        given = self.cleaned_data
        team = given.get("team") or None
        return {
            "rule": Rule(given["rule"]) if given.get("rule") else None,
            "severity": Severity(given["severity"]) if given.get("severity") else None,
            "team": "" if team == _NO_TEAM else team,
        }


def governance_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The report with its counts and filters, or all of it as CSV. Raises PermissionDenied."""
    chosen = GovernanceFilter(request.GET).asked()
    try:
        if request.GET.get("format") == "csv":
            return _download(export_governance_report(user=request.user, **chosen))
        report = governance_report(user=request.user, **chosen)
    except PermissionDeniedError as error:
        raise PermissionDenied(error.message) from None
    page = Paginator(report.findings, _PAGE_SIZE).get_page(request.GET.get("page"))
    context |= {
        "title": "Governance",
        "severities": [_severity_count(report, severity, chosen) for severity in Severity],
        "rules": [_rule_count(report, rule, chosen) for rule in report.by_rule],
        "teams": [_NO_TEAM, *report.teams],
        "team": _NO_TEAM if chosen["team"] == "" else chosen["team"] or "",
        "chosen": chosen,
        "page": page,
        "rows": [Row(f, badge(f.severity, _TONES[f.severity]), link_to(f)) for f in page],
        "everything": _address(),
        "csv": _address(**_words(chosen), format="csv"),
        "newer": _page_address(page.previous_page_number(), chosen) if page.has_previous() else "",
        "older": _page_address(page.next_page_number(), chosen) if page.has_next() else "",
    }
    return TemplateResponse(request, "console/governance.html", context)


def _download(report: Report) -> HttpResponse:
    return HttpResponse(
        csv_of(report.findings),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="governance.csv"'},
    )


def _severity_count(report: Report, severity: Severity, chosen: dict[str, Any]) -> Count:
    wanted = {**_words(chosen), "severity": severity.value}
    wanted.pop("rule", None)
    label = {Severity.ERROR: "Errors", Severity.WARNING: "Warnings", Severity.NOTICE: "Notices"}
    return Count(
        label[severity], report.by_severity[severity], _address(**wanted), _TONES[severity]
    )


def _rule_count(report: Report, rule: Rule, chosen: dict[str, Any]) -> Count:
    wanted = {**_words(chosen), "rule": rule.value}
    wanted.pop("severity", None)
    entry = REGISTER[rule]
    return Count(
        rule.value, report.by_rule[rule], _address(**wanted), _TONES[entry.severity], entry.meaning
    )


def _words(chosen: dict[str, Any]) -> dict[str, str]:
    """The choice as it stands in an address."""
    words = {name: str(value) for name, value in chosen.items() if value is not None}
    return words | ({"team": _NO_TEAM} if chosen["team"] == "" else {})


def _page_address(number: int, chosen: dict[str, Any]) -> str:
    return _address(**_words(chosen), page=str(number))


def _address(**parameters: str) -> str:
    page = reverse("admin:loaders_loader_governance")
    return f"{page}?{urlencode(parameters)}" if parameters else page
