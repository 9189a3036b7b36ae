"""What the governance rules know. Instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from loaders.models import ApprovalStatus, ReadOnlyVerdict
from loaders.policies import LoaderKind


@dataclass(frozen=True)
class LoaderFacts:
    """A loader that is not archived. `approved_at` is when the version that may run was approved,
    `submitted_at` when the one that waits was submitted."""

    id: UUID
    code: str
    kind: LoaderKind
    status: ApprovalStatus
    enabled: bool
    is_test: bool
    owning_team: str
    contact: str
    description: str
    freshness_target_seconds: int | None
    updated_at: datetime
    approved_at: datetime | None
    submitted_at: datetime | None
    start_at: datetime | None
    end_at: datetime | None
    watermark: datetime | None
    last_success_at: datetime | None


@dataclass(frozen=True)
class SourceFacts:
    """A source. `loaders` counts those that are not archived."""

    id: UUID
    code: str
    verdict: ReadOnlyVerdict
    checked_at: datetime | None
    created_at: datetime
    loaders: int


@dataclass(frozen=True)
class Approval:
    """One of the last approvals of a loader, by user names."""

    loader_id: UUID
    loader_code: str
    team: str
    submitted_by: str
    approved_by: str


@dataclass(frozen=True)
class ApprovalCount:
    """How many definitions of one person another one approved lately."""

    submitted_by: str
    approved_by: str
    count: int


@dataclass(frozen=True)
class Facts:
    """All of it, as of `now`. `code_pattern` is empty where codes may be anything."""

    now: datetime
    code_pattern: str
    is_production: bool
    loaders: Sequence[LoaderFacts] = field(default=())
    sources: Sequence[SourceFacts] = field(default=())
    approvals: Sequence[Approval] = field(default=())
    approval_counts: Sequence[ApprovalCount] = field(default=())
