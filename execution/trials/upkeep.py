"""Forgets what trials found once nobody needs it: it quotes a source's data."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from core.clock import ClockTimestamp
from core.retention import delete_in_batches
from execution.models import RunStatus, Trial

_BATCH = 500


def forget_old_trials() -> int:
    """Delete the results of trials past their days, evidence's too: a pack keeps its own copy of
    the report. Returns how many."""
    return delete_in_batches(_old_trials(), most=_BATCH)


def count_old_trials() -> int:
    """How many it would delete."""
    return _old_trials().count()


def _old_trials() -> QuerySet[Trial]:
    return Trial.objects.filter(
        load_history__start_time__lt=ClockTimestamp() - settings.TRIAL_RETENTION
    ).exclude(load_history__status=RunStatus.RUNNING)
