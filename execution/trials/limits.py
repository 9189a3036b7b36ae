"""How much of a source and of a worker a trial may take."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from execution.models import TrialKind
from execution.trials.plan import Limits

_TEST_ROWS = 100
_SAMPLE_ROWS = 20
_STATEMENTS = 3
"""Of an evidence pack: the plan, the window, and the probe of the grain."""

_AROUND_THEM = timedelta(minutes=2)
"""Connecting three times, and looking at the account."""


def limits_of(kind: TrialKind, own_timeout_seconds: int | None) -> Limits:
    """The limits of one statement; the loader's own timeout counts where it is shorter."""
    seconds: float = settings.TRIAL_TIMEOUT.total_seconds()
    if own_timeout_seconds is not None:
        seconds = min(seconds, own_timeout_seconds)
    if kind is TrialKind.TEST_QUERY:
        return Limits(seconds, rows=_TEST_ROWS, sample=_TEST_ROWS)
    return Limits(seconds, rows=settings.TRIAL_ROWS, sample=_SAMPLE_ROWS)


def trial_timeout() -> timedelta:
    """How long a trial may hold its worker as a whole."""
    longest: timedelta = settings.TRIAL_TIMEOUT * _STATEMENTS + _AROUND_THEM
    return longest
