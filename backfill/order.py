"""Which job is next, and what a change of its loader means for it (spec 3, 9). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from backfill.states import JobStatus, PauseReason

FIRST, USUAL, LAST = 1, 5, 9
"""Priorities: 1 goes first."""


@dataclass(frozen=True)
class Candidate:
    """A job that may hand out windows. Ids are UUIDv7: their order is that of submission."""

    id: UUID
    loader_id: UUID
    source_id: UUID
    db_code: str
    priority: int
    asked_now_at: datetime | None = None
    waiting_since: datetime | None = None


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that somebody asked for now, the latest first; then by priority; then the oldest. A
    pause changes nothing of it."""
    return sorted(
        candidates,
        key=lambda c: (
            -c.asked_now_at.timestamp() if c.asked_now_at is not None else 0.0,
            c.priority,
            c.id,
        ),
    )


class Move(Enum):
    """What a job has to do because of its loader."""

    STAY = auto()
    PAUSE_DISABLED = auto()
    PAUSE_NEW_VERSION = auto()
    RESUME = auto()
    CANCEL = auto()


@dataclass(frozen=True)
class LoaderStands:
    """What of a loader matters to its jobs. `is_pinned`: approved, in the version that the job was
    made with."""

    is_archived: bool
    is_enabled: bool
    is_pinned: bool


_GOING_ON = {JobStatus.PENDING, JobStatus.RUNNING}


def follow_loader(status: JobStatus, pause: PauseReason | None, loader: LoaderStands) -> Move:
    """What becomes of an active job.

    Disabled, its jobs pause and resume with it; those that an operator paused stay so. Another
    definition pauses them until an operator resumes them. Archived loaders never run again.
    """
    if status in JobStatus.ended():
        return Move.STAY
    if loader.is_archived:
        return Move.CANCEL
    if status in _GOING_ON and not loader.is_enabled:
        return Move.PAUSE_DISABLED
    if status in {*_GOING_ON, JobStatus.PENDING_APPROVAL} and not loader.is_pinned:
        return Move.PAUSE_NEW_VERSION
    if pause is PauseReason.LOADER_DISABLED and loader.is_enabled:
        return Move.RESUME if loader.is_pinned else Move.PAUSE_NEW_VERSION
    return Move.STAY
