"""How long the answers to requests with an Idempotency-Key are remembered, and their end. Workers
read this, so it imports nothing of the REST framework."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from core.clock import ClockTimestamp
from core.models import StoredAnswer

KEPT = timedelta(hours=24)
_BATCH = 1000


def forget_answers() -> int:
    """Delete answers that are older than a day by the database's clock; returns how many."""
    deleted = 0
    while True:
        with transaction.atomic():
            locked = _old_answers().select_for_update(skip_locked=True).values_list("pk", flat=True)
            keys = list(locked.order_by("created_at")[:_BATCH])
            deleted += StoredAnswer.objects.filter(pk__in=keys).delete()[0]
        if len(keys) < _BATCH:
            return deleted


def count_old_answers() -> int:
    """How many it would delete."""
    return _old_answers().count()


def _old_answers() -> QuerySet[StoredAnswer]:
    return StoredAnswer.objects.filter(created_at__lte=ClockTimestamp() - KEPT)
