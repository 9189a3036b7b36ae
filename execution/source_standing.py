"""How the sources answer, by what runs and the inspector met there. Nothing is asked of them for
it (spec 4, 6)."""

from __future__ import annotations

from typing import Any

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from execution.models import LoaderExecutionLock
from loaders.models import Loader, LoaderState, SourceDatabase


class SourceStanding(TextChoices):
    """How a source answers, the worst first."""

    HELD = "HELD", "Left alone"
    FAILING = "FAILING", "Failing"
    UNTRIED = "UNTRIED", "Not asked yet"
    ANSWERS = "ANSWERS", "Answering"


def with_standing(sources: QuerySet[SourceDatabase]) -> QuerySet[Any]:
    """Each with `standing` (a `SourceStanding`), `failures` in a row, `retry_at` while its breaker
    is open, the breaker's `last_error` code, and `answered_at`: when it last served a run or told
    what its account may do; null if never."""
    served = LoaderState.objects.filter(
        loader__source_database=OuterRef("pk"), last_success_timestamp__isnull=False
    ).order_by("-last_success_timestamp")
    found = sources.annotate(
        failures=Coalesce(F("breaker__failures"), 0),
        retry_at=F("breaker__retry_at"),
        last_error=Coalesce(F("breaker__error_code"), Value("")),
        answered_at=Greatest(
            "read_only_checked_at", Subquery(served.values("last_success_timestamp")[:1])
        ),
    )
    return found.annotate(
        standing=Case(
            When(retry_at__isnull=False, then=Value(SourceStanding.HELD.value)),
            When(failures__gt=0, then=Value(SourceStanding.FAILING.value)),
            When(answered_at=None, then=Value(SourceStanding.UNTRIED.value)),
            default=Value(SourceStanding.ANSWERS.value),
            output_field=CharField(),
        )
    )


def with_use(sources: QuerySet[SourceDatabase]) -> QuerySet[Any]:
    """Each with `loader_count`, its loaders in use, and `lock_count`, the windows of theirs that
    runs hold now."""
    loaders = Loader.objects.filter(source_database=OuterRef("pk"), archived_at=None)
    locks = LoaderExecutionLock.objects.active().filter(loader__source_database=OuterRef("pk"))
    return sources.annotate(
        loader_count=_count_of(loaders, "source_database"),
        lock_count=_count_of(locks, "loader__source_database"),
    )


def _count_of(rows: QuerySet[Any], field: str) -> Coalesce:
    counted = rows.order_by().values(field).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
