"""The button of the loader's page that asks for a period and downloads the package."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpResponseBase
from django.utils import timezone

from accounts.admin_actions import ActionForm, PageAction
from accounts.roles import Permission, User
from loaderportal.evidence.api import evidence_download
from loaders.models import Loader

_USUAL = timedelta(days=30)


class EvidenceForm(ActionForm):
    """The period, in UTC."""

    note = (
        "A ZIP with the loader's versions, approvals, executions, coverage and sealed audit events "
        "of the period, SQL included. That you exported it is audited."
    )
    from_time = forms.DateTimeField(label="From (UTC)", help_text="2026-01-31 10:00")
    to_time = forms.DateTimeField(label="To (UTC)", help_text="The first instant after the period.")

    @classmethod
    def initial_of(cls, obj: Any) -> dict[str, Any]:
        """The last month, whole days."""
        today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return {"from_time": today - _USUAL, "to_time": today + timedelta(days=1)}

    def clean(self) -> dict[str, Any]:
        """A period has an end after its start."""
        cleaned: dict[str, Any] = super().clean() or {}
        start, end = cleaned.get("from_time"), cleaned.get("to_time")
        if start and end and start >= end:
            self.add_error("to_time", "The end must be after the start.")
        return cleaned


def _download(
    user: User, loader: Loader, *, from_time: datetime, to_time: datetime
) -> HttpResponseBase:
    return evidence_download(user, loader, from_time, to_time)


EVIDENCE = PageAction(
    "evidence",
    "Export evidence",
    "folder_zip",
    Permission.EXPORT_EVIDENCE,
    lambda user, loader: "",
    act=_download,
    form=EvidenceForm,
    is_rare=True,
)
