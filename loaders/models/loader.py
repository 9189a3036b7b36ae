"""Loader: a read-only, parameterised statement and how it is run (spec 2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Least

from accounts.object_access import granted_ids, is_restricted
from accounts.roles import User
from core.encrypted_fields import EncryptedTextField
from core.history import SealedHistory
from core.ids import uuid7
from loaders import rules
from loaders.exceptions import LoaderIsExternalError
from loaders.models.source_database import CODE_VALIDATOR, SourceDatabase
from loaders.policies import LoaderKind, PurgeStrategy, WatermarkPolicy
from loaders.rules import SECONDS_A_DAY
from loaders.source_time import TimeFormat

if TYPE_CHECKING:
    from loaders.models.state import LoaderState


class ApprovalStatus(models.TextChoices):
    """Where a definition stands on its way to being run (spec 3)."""

    DRAFT = "DRAFT", "Draft"
    PENDING_APPROVAL = "PENDING_APPROVAL", "Waiting for approval"
    APPROVED = "APPROVED", "Approved"
    REJECTED = "REJECTED", "Rejected"


def default_grain() -> int:
    """Grain of a loader that sets none, in seconds."""
    return int(settings.DEFAULT_GRAIN_SECONDS)


def default_lateness() -> int:
    """Lateness of a loader that sets none, in seconds."""
    return int(settings.DEFAULT_LATENESS_SECONDS)


class LogLevel(models.TextChoices):
    """How much a loader's runs log; empty is the portal's own level."""

    DEBUG = "DEBUG", "Debug"
    INFO = "INFO", "Info"
    WARNING = "WARNING", "Warning"
    ERROR = "ERROR", "Error"


_RUNNABLE = models.Q(
    enabled=True,
    approval_status=ApprovalStatus.APPROVED,
    kind=LoaderKind.SQL,
    archived_at=None,
)


class Lateness(models.TextChoices):
    """Why a loader counts as late; empty where it does not."""

    OVERDUE = "OVERDUE", "Should have run by now"
    STALE = "STALE", "Behind its freshness target"


LATE_AFTER = timedelta(minutes=1)
"""A loader that has been due for longer is overdue: the scheduler's next cycle is not."""


def _lateness(now: datetime) -> models.Case:
    """A `Lateness` or empty, of a loader."""
    target = models.ExpressionWrapper(
        models.F("freshness_target_seconds") * models.Value(timedelta(seconds=1)),
        output_field=models.DurationField(),
    )
    now_or_end = Least(models.Value(now), "end_at")  # PostgreSQL's passes over null
    return models.Case(
        models.When(
            _RUNNABLE & models.Q(state__next_due_at__lt=now - LATE_AFTER),
            then=models.Value(Lateness.OVERDUE.value),
        ),
        models.When(
            _RUNNABLE & models.Q(state__last_load_timestamp__lt=now_or_end - target),
            then=models.Value(Lateness.STALE.value),
        ),
        default=models.Value(""),
    )


class LoaderQuerySet(models.QuerySet["Loader"]):
    """Named queries over loaders."""

    def visible_to(self, user: User) -> LoaderQuerySet:
        """Loaders that the user reaches: granted to a team of theirs, or over a source that is."""
        if not is_restricted(user):
            return self
        return self.filter(
            models.Q(pk__in=granted_ids(user, Loader))
            | models.Q(source_database__in=granted_ids(user, SourceDatabase))
        )

    def runnable(self) -> LoaderQuerySet:
        """Loaders whose runs may be dispatched at all."""
        return self.filter(_RUNNABLE)

    def due(self, now: datetime) -> LoaderQuerySet:
        """Runnable loaders whose time has come: IDLE, RUNNING, FAILED, then longest overdue."""
        rank = models.Case(
            models.When(state__load_status="IDLE", then=0),
            models.When(state__load_status="RUNNING", then=1),
            default=2,
            output_field=models.IntegerField(),
        )
        due = self.runnable().filter(state__next_due_at__lte=now)
        return due.order_by(rank, "state__next_due_at", "loader_code")

    def with_lateness(self, now: datetime) -> LoaderQuerySet:
        """Each with `lateness`, a `Lateness` or empty, of loaders whose runs may be dispatched.
        `now` is aware UTC."""
        return self.annotate(lateness=_lateness(now))

    def late(self, now: datetime) -> LoaderQuerySet:
        """Loaders that should have run by now, or lie further behind than their freshness target
        allows."""
        return self.annotate(lateness=_lateness(now)).exclude(lateness="")

    def behind(self, now: datetime) -> LoaderQuerySet:
        """Loaders that should move, as far as their end, the oldest watermark first."""
        until_end = models.Q(end_at=None) | models.Q(
            end_at__gt=models.F("state__last_load_timestamp")
        )
        moving = self.runnable().filter(until_end, state__last_load_timestamp__lt=now)
        return moving.order_by("state__last_load_timestamp", "loader_code")

    def never_loaded(self) -> LoaderQuerySet:
        """Loaders none of whose runs ever succeeded."""
        return self.filter(state__last_success_timestamp=None)

    def failed(self) -> LoaderQuerySet:
        """Loaders in use whose last run failed."""
        return self.filter(state__load_status="FAILED", archived_at=None)

    def held(self) -> LoaderQuerySet:
        """Those of them that failed on their definition and wait for a person's act (spec 6)."""
        return self.failed().filter(state__next_due_at=None)


class Loader(models.Model):
    """A loader's definition. Where it stands is in `LoaderState`, so that a run changes neither
    its ETag nor its history."""

    GOVERNED = (
        "kind",
        "loader_sql",
        "grain_seconds",
        "max_query_period_seconds",
        "max_parallel_executions",
        "purge_strategy",
        "watermark_policy",
        "lateness_seconds",
        "start_at",
        "end_at",
        "time_zone",
        "offset_hours",
        "time_format",
        "execution_timeout_seconds",
        "row_cap",
        "max_attempts",
        "raw_capture",
    )
    """Fields that, with the source, make up the digest a second person approves (spec 2)."""

    TRANSITIONS = {
        ApprovalStatus.DRAFT: {ApprovalStatus.PENDING_APPROVAL},
        ApprovalStatus.PENDING_APPROVAL: {
            ApprovalStatus.APPROVED,
            ApprovalStatus.REJECTED,
            ApprovalStatus.DRAFT,
        },
        ApprovalStatus.APPROVED: {ApprovalStatus.DRAFT},
        ApprovalStatus.REJECTED: {ApprovalStatus.DRAFT, ApprovalStatus.PENDING_APPROVAL},
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader_code = models.CharField("code", max_length=64, unique=True, validators=[CODE_VALIDATOR])
    description = models.TextField(blank=True)
    domain = models.CharField("business domain", max_length=64, blank=True, db_index=True)
    tags = models.JSONField(default=list, blank=True)
    is_test = models.BooleanField("test loader", default=False)
    owning_team = models.CharField(max_length=128, blank=True)
    contact = models.CharField(max_length=254, blank=True)
    kind = models.CharField(max_length=16, choices=LoaderKind.choices, default=LoaderKind.SQL)
    source_database = models.ForeignKey(
        SourceDatabase, on_delete=models.PROTECT, null=True, blank=True, related_name="loaders"
    )
    loader_sql = EncryptedTextField("SQL", place="loader.loader_sql", blank=True)
    grain_seconds = models.PositiveIntegerField(
        "grain (seconds)",
        null=True,
        blank=True,
        default=default_grain,
        validators=[MinValueValidator(1), MaxValueValidator(SECONDS_A_DAY)],
        help_text="Every window starts and ends on a grain. Empty means a calendar day.",
    )
    min_interval_seconds = models.PositiveIntegerField(
        "shortest time between runs (seconds)", default=60, validators=[MinValueValidator(1)]
    )
    max_query_period_seconds = models.PositiveIntegerField(
        "longest window (seconds)", default=SECONDS_A_DAY, validators=[MinValueValidator(1)]
    )
    max_parallel_executions = models.PositiveIntegerField(
        "parallel runs", default=1, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    purge_strategy = models.CharField(
        max_length=32, choices=PurgeStrategy.choices, default=PurgeStrategy.FAIL_ON_DUPLICATE
    )
    watermark_policy = models.CharField(
        max_length=32, choices=WatermarkPolicy.choices, default=WatermarkPolicy.MAX_TIMESTAMP
    )
    lateness_seconds = models.PositiveIntegerField("lateness (seconds)", default=default_lateness)
    start_at = models.DateTimeField("start (UTC)", null=True, blank=True)
    end_at = models.DateTimeField("end (UTC)", null=True, blank=True)
    time_zone = models.CharField("source's time zone", max_length=64, blank=True)
    offset_hours = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(-14), MaxValueValidator(12)],
        help_text="Hours subtracted from UTC to get the source's local time: -3 is Riyadh.",
    )
    time_format = models.CharField(
        max_length=24, choices=TimeFormat.choices, default=TimeFormat.AUTO
    )
    execution_timeout_seconds = models.PositiveIntegerField(
        "timeout (seconds)", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    row_cap = models.PositiveBigIntegerField(
        "row limit of a run", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    max_attempts = models.PositiveSmallIntegerField(
        "attempts", default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    raw_capture = models.BooleanField(default=False)
    freshness_target_seconds = models.PositiveIntegerField(
        "freshness target (seconds)", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    segment_meanings = models.JSONField("meaning of the segments", default=list, blank=True)
    log_level = models.CharField(max_length=8, choices=LogLevel.choices, blank=True)
    enabled = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, editable=False)
    approval_status = models.CharField(
        max_length=24, choices=ApprovalStatus.choices, default=ApprovalStatus.DRAFT
    )
    approved_version = models.ForeignKey(
        "loaders.LoaderVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    history = SealedHistory(table_name="loader_definition_history")
    objects = LoaderQuerySet.as_manager()

    if TYPE_CHECKING:
        state: LoaderState

    class Meta:
        db_table = "loader"
        ordering = ("loader_code",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end_at__isnull=True)
                | models.Q(start_at__isnull=True)
                | models.Q(end_at__gt=models.F("start_at")),
                name="loader_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~models.Q(watermark_policy="WINDOW_END")
                | models.Q(lateness_seconds__gt=0),
                name="loader_window_end_needs_lateness",
            ),
            models.CheckConstraint(
                condition=~models.Q(approval_status="APPROVED")
                | models.Q(approved_version__isnull=False),
                name="loader_approved_has_version",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind="SQL") | models.Q(source_database__isnull=False),
                name="loader_sql_has_source",
            ),
            models.CheckConstraint(
                condition=models.Q(archived_at__isnull=True) | models.Q(enabled=False),
                name="loader_archived_is_disabled",
            ),
        ]

    def __str__(self) -> str:
        return self.loader_code

    @property
    def source(self) -> SourceDatabase:
        """What an SQL loader reads. Raises LoaderIsExternalError for one that reads nothing."""
        if self.source_database is None:
            raise LoaderIsExternalError(
                f"The signals of {self.loader_code} are posted by another system; it has no "
                "source and no runs."
            )
        return self.source_database

    def clean(self) -> None:
        """Rules over several fields. Raises ValidationError by field."""
        errors = {
            **rules.zone_errors(self.time_zone, self.offset_hours),
            **rules.span_errors(self.start_at, self.end_at),
            **rules.watermark_errors(self.watermark_policy, self.lateness_seconds),
            **rules.grain_errors(self.grain_seconds, self.time_format, self.loader_sql or ""),
            **rules.tag_errors(self.tags),
            **rules.segment_errors(self.segment_meanings),
            **rules.kind_errors(
                self.kind,
                has_source=self.source_database_id is not None,
                has_sql=bool(self.loader_sql),
                captures=self.raw_capture,
            ),
        }
        if errors:
            raise ValidationError(errors)
