"""What replicas and the queue leave behind: replicas that are gone, and tasks that failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django_q.models import Task

from core.clock import ClockTimestamp
from core.retention import Tell, delete_in_batches, silently
from execution.models import Replica

KEPT = timedelta(days=7)
"""Long enough to look at what happened; a replica that beats again brings its row back."""


def count_leftovers() -> int:
    """How many rows it would delete."""
    return sum(rows.count() for rows in _leftovers())


def delete_leftovers(tell: Tell = silently) -> int:
    """Delete replicas without a heartbeat and queue tasks that ended, each for longer than KEPT;
    returns how many."""
    return sum(delete_in_batches(rows, tell) for rows in _leftovers())


def _leftovers() -> list[QuerySet[Any]]:
    before = ClockTimestamp() - KEPT
    return [
        Replica.objects.filter(heartbeat_at__lt=before),
        Task.objects.filter(stopped__lt=before),
    ]
