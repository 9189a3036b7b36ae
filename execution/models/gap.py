"""Gap: a stretch to look after, and GapWaiver: a gap that a person declared to be none (spec 9)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models

from core.ids import uuid7
from core.window import Window
from execution.coverage import GAPS, CoverageState
from execution.exceptions import GapNotFoundError
from loaders.models import Loader

if TYPE_CHECKING:
    from uuid import UUID

_STAMP = "%Y%m%dT%H%M%SZ"


class Gap(models.Model):
    """A failed, missing or unverified stretch below its loader's watermark. A row of a view over
    coverage: missing stretches are holes, which are not stored. Its id is made of loader and
    stretch, `ORDERS.20260101T000000Z.20260101T060000Z`: it needs no row and stays the same for as
    long as the stretch does. The view cuts at the watermark, which may lie off the grain."""

    id = models.CharField(primary_key=True, max_length=128)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        db_constraint=False,
        on_delete=models.DO_NOTHING,
        related_name="gaps",
    )
    state = models.CharField(
        max_length=16,
        choices=[(state.value, state.label) for state in CoverageState if state in GAPS],
    )
    range_from = models.DateTimeField()
    range_to = models.DateTimeField()
    load_history_id = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "gap"
        ordering = ("-range_from", "id")

    def __str__(self) -> str:
        return f"{self.loader_id} {self.range_from:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The stretch, UTC."""
        return Window(self.range_from, self.range_to)


def gap_id(loader_code: str, window: Window) -> str:
    """The id of a gap, made of loader and stretch."""
    first, last = (bound.strftime(_STAMP) for bound in (window.start, window.end))
    return f"{loader_code}.{first}.{last}"


def read_gap_id(text: str) -> tuple[str, Window]:
    """Loader code and stretch of a gap's id. Raises GapNotFoundError for a text that is none."""
    try:
        code, first, last = text.split(".")
        start, end = (datetime.strptime(t, _STAMP).replace(tzinfo=UTC) for t in (first, last))
        return code, Window(start, end)
    except ValueError:
        raise no_gap(text) from None


def no_gap(text: str) -> GapNotFoundError:
    """The answer about a gap that is not there, or not for this user."""
    return GapNotFoundError(f"There is no gap {text}.")


class GapWaiverQuerySet(models.QuerySet["GapWaiver"]):
    """Named queries over waivers."""

    def standing(self) -> Self:
        """Waivers that nobody has withdrawn."""
        return self.filter(withdrawn_at=None)


class GapWaiver(models.Model):
    """A person's word that a gap is none: who, when, why and which stretch. One row an unbroken
    stretch; withdrawn once, by compare-and-set. What was loaded since stays loaded either way."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    loader = models.ForeignKey(
        Loader,
        to_field="loader_code",
        db_column="loader_code",
        on_delete=models.PROTECT,
        related_name="waivers",
    )
    range_from = models.DateTimeField()
    range_to = models.DateTimeField()
    reason = models.TextField()
    waived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    waived_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawal_reason = models.TextField(blank=True)

    objects = GapWaiverQuerySet.as_manager()

    if TYPE_CHECKING:
        loader_id: str
        waived_by_id: int | None
        pk: UUID

    class Meta:
        db_table = "gap_waiver"
        ordering = ("-id",)
        verbose_name = "waiver"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(range_from__lt=models.F("range_to")),
                name="gap_waiver_range_is_not_empty",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="gap_waiver_has_a_reason"),
        ]
        indexes = [models.Index(fields=["loader", "range_from"], name="gap_waiver_by_range")]

    def __str__(self) -> str:
        return f"{self.loader_id} {self.range_from:%Y-%m-%d %H:%M}Z"

    @property
    def window(self) -> Window:
        """The waived stretch, UTC."""
        return Window(self.range_from, self.range_to)
