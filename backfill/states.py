"""The words for where a backfill job stands (spec 9)."""

from __future__ import annotations

from django.db import models


class JobStatus(models.TextChoices):
    """Where a job stands."""

    PENDING_APPROVAL = "PENDING_APPROVAL", "Waiting for approval"
    PENDING = "PENDING", "Pending"
    RUNNING = "RUNNING", "Running"
    PAUSED = "PAUSED", "Paused"
    SUCCESS = "SUCCESS", "Succeeded"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"

    @classmethod
    def ended(cls) -> frozenset[JobStatus]:
        """Statuses that a job never leaves."""
        return frozenset({cls.SUCCESS, cls.FAILED, cls.CANCELLED})

    @classmethod
    def active(cls) -> frozenset[JobStatus]:
        """The others."""
        return frozenset(cls) - cls.ended()


class PauseReason(models.TextChoices):
    """Why a job is paused."""

    OPERATOR = "OPERATOR", "Paused by an operator"
    LOADER_DISABLED = "LOADER_DISABLED", "Its loader is disabled"
    NEW_VERSION = "NEW_VERSION", "Its loader's definition was changed"


class JobMode(models.TextChoices):
    """Which windows of its range a job loads."""

    ALL = "ALL", "All windows"
    ONLY_NOT_LOADED = "ONLY_NOT_LOADED", "Only what is not loaded"


class Wait(models.TextChoices):
    """What a job that goes on waits for, if it hands out nothing now."""

    CAPACITY = "CAPACITY", "Live runs and other work go first"
    BLACKOUT = "BLACKOUT", "The source is left alone at this hour"
    SOURCE_HELD = "SOURCE_HELD", "The source serves nobody at present"
    RETRY = "RETRY", "A failed window is tried again later"
