"""Forgets what trials found once nobody needs it: it quotes a source's data."""

from __future__ import annotations

from django.conf import settings

from core.clock import ClockTimestamp
from execution.models import RunStatus, Trial

_BATCH = 500


def forget_old_trials() -> int:
    """Delete the results of trials past their days, evidence's too: a pack keeps its own copy of
    the report. Returns how many."""
    old = Trial.objects.filter(
        load_history__start_time__lt=ClockTimestamp() - settings.TRIAL_RETENTION
    ).exclude(load_history__status=RunStatus.RUNNING)
    forgotten = 0
    while batch := list(old.values_list("pk", flat=True)[:_BATCH]):
        forgotten += Trial.objects.filter(pk__in=batch).delete()[0]
    return forgotten
