"""The inbox of approvals: what waits for the person's decision, what it changes, and since when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.object_access import reachable
from accounts.roles import Permission, User, may
from core.display import NOTHING, Tone, badge, span_text
from core.keyring import DecryptionError
from loaders.change_summary import summarise
from loaders.models import Decision, EvidencePack, EvidenceStatus, LoaderVersion
from loaders.services import edited_by

_MOST_NEIGHBOURS = 200


def waiting_for_anybody(user: User) -> QuerySet[LoaderVersion]:
    """What waits for a decision, of the loaders that the user reaches."""
    return reachable(user, LoaderVersion.objects.filter(decision=Decision.PENDING))


def waiting_for(user: User) -> QuerySet[LoaderVersion]:
    """What the user may decide: submitted by others, edited by others."""
    waiting = waiting_for_anybody(user)
    if not may(user, Permission.APPROVE):
        return waiting.none()
    return waiting.exclude(submitted_by=user).exclude(edited_by(user))


def waiting_address() -> str:
    """Where the inbox is."""
    return reverse("admin:loaders_loaderversion_changelist") + "?waiting=me"


class WaitingFilter(admin.SimpleListFilter):
    """The inbox."""

    title = "waiting"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("me", "For my approval"), ("all", "For anybody's approval")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LoaderVersion]
    ) -> QuerySet[LoaderVersion]:
        if self.value() == "me":
            return queryset.filter(pk__in=waiting_for(request.user).values("pk"))
        if self.value() == "all":
            return queryset.filter(decision=Decision.PENDING)
        return queryset


def is_inbox(request: HttpRequest) -> bool:
    """Whether the list shows what waits rather than what was decided."""
    return request.GET.get(WaitingFilter.parameter_name) in {"me", "all"}


def with_last_approved(versions: QuerySet[LoaderVersion]) -> QuerySet[LoaderVersion]:
    """The versions with what was approved last of their loaders, for `last_approved`: one query
    for all of them."""
    approved = LoaderVersion.objects.filter(decision=Decision.APPROVED)
    newest = approved.order_by("loader_id", "-number").distinct("loader_id")
    return versions.prefetch_related(
        Prefetch("loader__versions", queryset=newest, to_attr="last_approved")
    )


def last_approved(version: LoaderVersion) -> LoaderVersion | None:
    """What was approved last of the version's loader, of `with_last_approved`."""
    found: list[LoaderVersion] = getattr(version.loader, "last_approved")  # noqa: B009
    return found[0] if found else None


def change_text(version: LoaderVersion, before: LoaderVersion | None, *, with_source: bool) -> str:
    """What a waiting version changes, in a sentence, against what was approved last."""
    try:
        return summarise(
            version.definition, before.definition if before else None, with_source=with_source
        )
    except DecryptionError as error:
        return error.message


def evidence_badge(version: LoaderVersion) -> SafeString | str:
    """How far the evidence is, and whether it speaks against the version."""
    pack: EvidencePack | None = getattr(version, "evidence", None)
    if pack is None:
        return NOTHING
    if pack.status == EvidenceStatus.WAITING:
        return badge("Being gathered", Tone.BUSY)
    try:
        report = pack.findings()
    except DecryptionError as error:
        return badge(error.message, Tone.BAD)
    errors = len(report.errors) if report else 0
    if errors:
        return badge("1 error" if errors == 1 else f"{errors} errors", Tone.BAD)
    return badge("Nothing found", Tone.GOOD)


def age_text(version: LoaderVersion, now: datetime) -> str:
    """How long it has waited."""
    return span_text(now - version.submitted_at)


def place_in_inbox(user: User, version: LoaderVersion) -> dict[str, Any]:
    """The person's inbox around a version, the oldest first: its number there, how many wait, and
    where the one before and after are. Nothing for what does not wait for the person."""
    oldest = waiting_for(user).order_by("submitted_at").values_list("pk", flat=True)
    waiting = list(oldest[:_MOST_NEIGHBOURS])
    if version.pk not in waiting:
        return {"inbox_size": len(waiting), "inbox_next": _address(waiting[0]) if waiting else ""}
    place = waiting.index(version.pk)
    return {
        "inbox_place": place + 1,
        "inbox_size": len(waiting),
        "inbox_before": _address(waiting[place - 1]) if place else "",
        "inbox_next": _address(waiting[place + 1]) if place + 1 < len(waiting) else "",
    }


def _address(key: Any) -> str:
    return reverse("admin:loaders_loaderversion_change", args=[key])
