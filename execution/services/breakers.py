"""Opening, probing and closing a source's breaker (spec 6)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from core.clock import database_now
from execution.breaker import PROBE, opens_until
from execution.models import SourceBreaker
from loaders.models import SourceDatabase

logger = structlog.get_logger(__name__)


def note_failure(db_code: str, error_code: str) -> None:
    """Count a failure of the source itself; in the transaction that records the run's."""
    source = SourceDatabase.objects.filter(db_code=db_code).first()
    if source is None:
        return
    SourceBreaker.objects.get_or_create(source=source)
    breaker = SourceBreaker.objects.select_for_update(no_key=True).get(source=source)
    breaker.failures += 1
    breaker.retry_at = opens_until(breaker.failures, database_now())
    breaker.error_code = error_code
    breaker.save()
    if breaker.retry_at is not None:
        logger.warning("source.held", source=db_code, error_code=error_code)


def note_success(source_id: UUID) -> None:
    """The source served a run: its loaders may ask it again."""
    SourceBreaker.objects.filter(source_id=source_id, failures__gt=0).update(
        failures=0, retry_at=None, error_code=""
    )


def held_until(source_id: UUID, now: datetime) -> datetime | None:
    """Until when the source is not to be asked; None if it may be. Of those that ask when the
    pause is over, one is let through by compare-and-set, to probe; the others wait for it."""
    breaker = SourceBreaker.objects.filter(source_id=source_id, retry_at__isnull=False).first()
    if breaker is None or breaker.retry_at is None:
        return None
    if breaker.retry_at > now:
        return breaker.retry_at
    probing = SourceBreaker.objects.filter(pk=breaker.pk, retry_at=breaker.retry_at)
    return None if probing.update(retry_at=now + PROBE) else now + PROBE
