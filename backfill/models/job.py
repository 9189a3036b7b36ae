"""BackfillJob: a range of one loader that somebody wants loaded (spec 2, 9)."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.roles import Permission, User, may
from backfill.order import FIRST, LAST, USUAL
from backfill.states import JobMode, JobStatus, PauseReason, Wait
from core.ids import uuid7
from core.window import Window
from loaders.models import Loader, LoaderVersion
from loaders.policies import PurgeStrategy

_S = JobStatus


class BackfillJobQuerySet(models.QuerySet["BackfillJob"]):
    """Named queries over jobs."""

    def active(self) -> BackfillJobQuerySet:
        """Jobs that have not ended."""
        return self.filter(status__in=JobStatus.active())

    def going_on(self) -> BackfillJobQuerySet:
        """Jobs that hand out windows as soon as they may."""
        return self.filter(status__in=[JobStatus.PENDING, JobStatus.RUNNING])

    def waiting_for(self, user: User) -> BackfillJobQuerySet:
        """Jobs that wait for a second person, who may be this user."""
        if not may(user, Permission.APPROVE):
            return self.none()
        own = models.Q(requested_by=user.pk) | models.Q(repinned_by=user.pk)
        return self.filter(status=JobStatus.PENDING_APPROVAL).exclude(own)

    def overlapping(self, window: Window) -> BackfillJobQuerySet:
        """Jobs whose range shares an instant with the window."""
        return self.filter(from_time__lt=window.end, to_time__gt=window.start)


class BackfillJob(models.Model):
    """A job, pinned to the version of its loader that it was made with. Its status is changed by
    compare-and-set only; what it has done stands in its runs, and the sums here are made anew from
    them each time one ends."""

    TRANSITIONS = {
        _S.PENDING_APPROVAL: {_S.PENDING, _S.PAUSED, _S.CANCELLED},
        _S.PENDING: {_S.RUNNING, _S.PAUSED, _S.SUCCESS, _S.FAILED, _S.CANCELLED},
        _S.RUNNING: {_S.PAUSED, _S.SUCCESS, _S.FAILED, _S.CANCELLED},
        _S.PAUSED: {_S.PENDING, _S.PENDING_APPROVAL, _S.PAUSED, _S.SUCCESS, _S.CANCELLED},
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="backfills",
    )
    version = models.ForeignKey(LoaderVersion, on_delete=models.PROTECT, related_name="+")
    from_time = models.DateTimeField("from")
    to_time = models.DateTimeField("to")
    purge_strategy = models.CharField(
        max_length=32, choices=PurgeStrategy.choices, default=PurgeStrategy.PURGE_AND_RELOAD
    )
    mode = models.CharField(max_length=16, choices=JobMode.choices, default=JobMode.ALL)
    priority = models.PositiveSmallIntegerField(
        default=USUAL, validators=[MinValueValidator(FIRST), MaxValueValidator(LAST)]
    )
    reason = models.CharField(max_length=1000, blank=True)
    origin = models.CharField(max_length=32, blank=True)
    """What made the job where no person did, such as the gap scan."""

    status = models.CharField(max_length=16, choices=JobStatus.choices)
    pause_reason = models.CharField(max_length=16, choices=PauseReason.choices, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    repinned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    """Who resumed it with a newer version of the loader."""

    approval_asked_at = models.DateTimeField(default=timezone.now)
    """Since when a large job waits for a second person."""

    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=1000, blank=True)
    asked_now_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField("started", null=True)
    ended_at = models.DateTimeField("ended", null=True)
    waits_for = models.CharField(max_length=16, choices=Wait.choices, blank=True)
    waiting_since = models.DateTimeField(null=True)
    """Since when it finds no place beside other work; null when it has or needs none."""

    retry_at = models.DateTimeField(null=True)
    """Nothing is handed out before."""

    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="retries"
    )
    windows_done = models.PositiveIntegerField(default=0)
    windows_left = models.PositiveIntegerField(default=0)
    seconds_done = models.PositiveBigIntegerField(default=0)
    seconds_left = models.PositiveBigIntegerField(default=0)
    records_read = models.BigIntegerField(default=0)
    records_loaded = models.BigIntegerField(default=0)
    records_purged = models.BigIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    correlation_id = models.CharField(max_length=64)

    objects = BackfillJobQuerySet.as_manager()

    class Meta:
        db_table = "backfill_job"
        ordering = ("-id",)
        verbose_name = "backfill"
        constraints = [
            models.UniqueConstraint(
                fields=["loader", "from_time", "to_time"],
                condition=models.Q(status__in=["PENDING_APPROVAL", "PENDING", "RUNNING", "PAUSED"]),
                name="backfill_job_once_over_a_range",
            ),
            models.CheckConstraint(
                condition=models.Q(from_time__lt=models.F("to_time")),
                name="backfill_job_range_is_not_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(status="PAUSED") ^ models.Q(pause_reason=""),
                name="backfill_job_paused_says_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["loader"],
                condition=models.Q(status__in=["PENDING_APPROVAL", "PENDING", "RUNNING", "PAUSED"]),
                name="backfill_job_active",
            )
        ]

    def __str__(self) -> str:
        return f"{self.loader_id} {self.from_time:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The whole range, UTC, on grains."""
        return Window(self.from_time, self.to_time)

    @property
    def percent_done(self) -> float:
        """Share of the source's time that is done, from 0 to 100 and never rounded up to it."""
        if self.status == JobStatus.SUCCESS:
            return 100.0
        whole = self.seconds_done + self.seconds_left
        return min(round(100 * self.seconds_done / whole, 1), 99.9) if whole else 0.0

    @property
    def needs_approval(self) -> bool:
        """Whether it loads more than anybody may without a second person."""
        allowed: timedelta = settings.BACKFILL_APPROVAL
        return self.window.duration > allowed
