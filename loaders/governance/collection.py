"""Reads what the governance rules know: a handful of queries, however many loaders there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Count, F, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber

from accounts.roles import User
from core.clock import database_now
from loaders.governance import approvals
from loaders.governance.facts import Approval, ApprovalCount, Facts, LoaderFacts, SourceFacts
from loaders.governance.findings import Area
from loaders.models import ApprovalStatus, Decision, Loader, LoaderVersion, SourceDatabase
from loaders.models.source_database import ReadOnlyVerdict
from loaders.policies import LoaderKind

PRODUCTION = "production"


def collect(user: User, areas: frozenset[Area]) -> Facts:
    """The facts of these areas, as far as the user reaches. Archived loaders are left out."""
    now = database_now()
    with_approvals = Area.APPROVALS in areas
    return Facts(
        now=now,
        code_pattern=settings.LOADER_CODE_PATTERN,
        is_production=settings.DEPLOYMENT_ENVIRONMENT == PRODUCTION,
        loaders=_loaders(user) if Area.LOADERS in areas else (),
        sources=_sources(user) if Area.SOURCES in areas else (),
        approvals=_last_approvals(user, now) if with_approvals else (),
        approval_counts=_approval_counts(user, now) if with_approvals else (),
    )


def _loaders(user: User) -> Sequence[LoaderFacts]:
    waiting = LoaderVersion.objects.filter(loader=OuterRef("pk"), decision=Decision.PENDING)
    rows = (
        Loader.objects.visible_to(user)
        .filter(archived_at=None)
        .values_list(
            "id",
            "loader_code",
            "kind",
            "approval_status",
            "enabled",
            "is_test",
            "owning_team",
            "contact",
            "description",
            "freshness_target_seconds",
            "updated_at",
            "approved_version__decided_at",
            Subquery(waiting.values("submitted_at")[:1]),
            "start_at",
            "end_at",
            "state__last_load_timestamp",
            "state__last_success_timestamp",
        )
    )
    return [
        LoaderFacts(id_, code, LoaderKind(kind), ApprovalStatus(status), *rest)
        for id_, code, kind, status, *rest in rows.iterator()
    ]


def _sources(user: User) -> Sequence[SourceFacts]:
    rows = (
        SourceDatabase.objects.visible_to(user)
        .annotate(present=Count("loaders", filter=Q(loaders__archived_at=None)))
        .values_list(
            "id", "db_code", "read_only_verdict", "read_only_checked_at", "created_at", "present"
        )
    )
    return [
        SourceFacts(id_, code, ReadOnlyVerdict(verdict), checked_at, created_at, present)
        for id_, code, verdict, checked_at, created_at, present in rows
    ]


def _last_approvals(user: User, now: datetime) -> Sequence[Approval]:
    """The last few approvals of each loader that has so many."""
    loader = [F("loader_id")]
    rows = (
        LoaderVersion.objects.filter(
            loader__in=Loader.objects.visible_to(user).filter(archived_at=None),
            decision=Decision.APPROVED,
            decided_at__gte=now - approvals.LAST_APPROVALS_WITHIN,
        )
        .annotate(
            age=Window(RowNumber(), partition_by=loader, order_by=F("number").desc()),
            of_loader=Window(Count("pk"), partition_by=loader),
        )
        .filter(age__lte=approvals.LAST_APPROVALS, of_loader__gte=approvals.LAST_APPROVALS)
        .values_list(
            "loader_id",
            "loader__loader_code",
            "loader__owning_team",
            "submitted_by__username",
            "decided_by__username",
        )
    )
    return [Approval(*row) for row in rows]


def _approval_counts(user: User, now: datetime) -> Sequence[ApprovalCount]:
    rows = (
        LoaderVersion.objects.filter(
            loader__in=Loader.objects.visible_to(user),
            decision=Decision.APPROVED,
            decided_at__gte=now - approvals.MUTUAL_WITHIN,
        )
        .order_by()
        .values_list("submitted_by__username", "decided_by__username")
        .annotate(count=Count("pk"))
    )
    return [ApprovalCount(*row) for row in rows]
