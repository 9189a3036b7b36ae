"""Buttons on a loader's page."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from accounts.admin_actions import PageAction
from accounts.roles import Permission, User
from core.display import instant_text
from loaders.admin.forms import SubmitForm, WatermarkForm
from loaders.exceptions import SourceTestFailedError
from loaders.models import ApprovalStatus, Decision, Loader, SourceDatabase
from loaders.services import (
    archive_loader,
    disable,
    enable,
    has_edited,
    move_watermark,
    submit,
    try_source,
)


def _archived(_: User, loader: Loader) -> str:
    return "" if loader.archived_at is None else "It was archived and stands as it is."


def _may_be_submitted(_: User, loader: Loader) -> str:
    if loader.archived_at is not None:
        return _archived(_, loader)
    if loader.approval_status == ApprovalStatus.PENDING_APPROVAL:
        return "It waits for approval already."
    if loader.approval_status == ApprovalStatus.APPROVED:
        return "It is approved as it stands."
    return ""


def _may_be_decided(_: User, loader: Loader) -> str:
    if loader.approval_status != ApprovalStatus.PENDING_APPROVAL:
        return "Nothing waits for approval."
    return ""


def _may_be_approved(user: User, loader: Loader) -> str:
    return _may_be_decided(user, loader) or own_edit(user, loader)


def own_edit(user: User, loader: Loader) -> str:
    """Four eyes, said before the service has to say it."""
    if has_edited(user, loader):
        return "You edited it since its last approval: a second person must approve it."
    return ""


def _submit(user: User, loader: Loader, *, message: str) -> str:
    version = submit(user=user, loader=loader, note=message)
    return f"{loader.loader_code} was submitted as version {version.number}."


def _enable(user: User, loader: Loader) -> str:
    enable(user=user, loader=loader)
    return f"{loader.loader_code} is enabled."


def _disable(user: User, loader: Loader) -> str:
    disable(user=user, loader=loader)
    return f"{loader.loader_code} is disabled. A run that is under way ends in its own time."


def _archive(user: User, loader: Loader) -> str:
    archive_loader(user=user, loader=loader)
    return f"{loader.loader_code} is archived: disabled for good, and hidden from the list."


def _review(loader: Loader) -> str:
    waiting = loader.versions.filter(decision=Decision.PENDING).values_list("pk", flat=True).first()
    return reverse("admin:loaders_loaderversion_change", args=[waiting]) if waiting else ""


def _copy(loader: Loader) -> str:
    return f"{reverse('admin:loaders_loader_add')}?copy={loader.pk}"


def _test(user: User, source: SourceDatabase) -> str:
    report = try_source(user=user, source=source)
    if not report.ok:
        raise SourceTestFailedError(f"{source.db_code} does not answer: {report.message}")
    findings = report.privileges.findings if report.privileges else ()
    good = f"{source.db_code} answers in {report.round_trip_ms:.0f} ms ({report.server_version})."
    return " ".join((good, *report.advice, *findings))


TEST = PageAction(
    "test",
    "Test connection",
    "network_check",
    Permission.MANAGE_SOURCES,
    lambda _, __: "",
    act=_test,
)
COPY = PageAction(
    "copy",
    "Copy",
    "content_copy",
    Permission.EDIT_LOADERS,
    lambda _, __: "",
    link=_copy,
    is_rare=True,
)
SUBMIT = PageAction(
    "submit",
    "Submit for approval",
    "send",
    Permission.EDIT_LOADERS,
    _may_be_submitted,
    act=_submit,
    form=SubmitForm,
    tone="main",
)
APPROVE = PageAction(
    "approve", "Approve", "check", Permission.APPROVE, _may_be_approved, link=_review, tone="main"
)
REJECT = PageAction("reject", "Reject", "close", Permission.APPROVE, _may_be_decided, link=_review)
ENABLE = PageAction(
    "enable",
    "Enable",
    "toggle_on",
    Permission.RUN,
    lambda _, loader: "It is enabled already." if loader.enabled else _archived(_, loader),
    act=_enable,
)
DISABLE = PageAction(
    "disable",
    "Disable",
    "toggle_off",
    Permission.RUN,
    lambda _, loader: "" if loader.enabled else "It is disabled already.",
    act=_disable,
)
ARCHIVE = PageAction(
    "archive",
    "Archive",
    "archive",
    Permission.ARCHIVE,
    _archived,
    act=_archive,
    confirm="Archive it? It stops for good, and its code can't be used again.",
    is_rare=True,
)


def _move(user: User, loader: Loader, *, watermark: datetime | None, reason: str) -> str:
    move_watermark(user=user, loader=loader, watermark=watermark, reason=reason)
    where = "its start" if watermark is None else f"{instant_text(watermark)} UTC"
    return f"{loader.loader_code} continues from {where}."


WATERMARK = PageAction(
    "watermark",
    "Move watermark",
    "move_down",
    Permission.RUN,
    _archived,
    act=_move,
    form=WatermarkForm,
    is_rare=True,
)
