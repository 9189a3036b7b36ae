"""A finding as pages, API, CSV and command tell it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from django.urls import reverse

from loaders.governance.findings import Finding, SubjectKind

COLUMNS = ("severity", "rule", "subject_type", "subject", "team", "message", "link")
_PAGES = {SubjectKind.LOADER: "loaders_loader", SubjectKind.SOURCE: "loaders_sourcedatabase"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def link_to(finding: Finding) -> str:
    """The console's page of what a finding is about; for people, the list of versions."""
    if finding.kind not in _PAGES:
        return reverse("admin:loaders_loaderversion_changelist")
    return reverse(f"admin:{_PAGES[finding.kind]}_change", args=[finding.subject_id])


def document_of(finding: Finding) -> dict[str, str]:
    """A finding as a JSON object."""
    values = (
        finding.severity.value,
        finding.rule.value,
        finding.kind.value,
        finding.subject,
        finding.team,
        finding.message,
        link_to(finding),
    )
    return dict(zip(COLUMNS, values, strict=True))


def csv_of(findings: Iterable[Finding]) -> str:
    """All findings as CSV with a head. What a spreadsheet would take for a formula is quoted."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for finding in findings:
        writer.writerow([_harmless(value) for value in document_of(finding).values()])
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
