"""How the console shows where an execution stands, and how long it took."""

from __future__ import annotations

from datetime import datetime

from django.utils.safestring import SafeString

from core.display import NOTHING, Tone, badge, span_text
from execution.models import LoadHistory, RunStatus

_STATUS = {
    RunStatus.RUNNING: Tone.BUSY,
    RunStatus.SUCCESS: Tone.GOOD,
    RunStatus.PARTIAL: Tone.WAITING,
    RunStatus.FAILED: Tone.BAD,
    RunStatus.CANCELLED: Tone.QUIET,
}


def status_badge(execution: LoadHistory) -> SafeString:
    """The status as people see it: a run that no worker has taken up yet is queued."""
    if execution.status == RunStatus.RUNNING and execution.claimed_at is None:
        return badge(execution.shown_status, Tone.WAITING)
    return badge(execution.shown_status, _STATUS[RunStatus(execution.status)])


def duration_text(execution: LoadHistory, now: datetime) -> str:
    """From the worker's claim to the end, or until now."""
    if execution.claimed_at is None:
        return NOTHING
    return span_text((execution.end_time or now) - execution.claimed_at)
