"""What follows when a run of a backfill job came to nothing (spec 6, 9). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from execution.retry import FailureKind, backoff

MOST_FAULTS_OF_PORTAL = 20
"""Attempts at one window that may end by lost workers and the like: something in it kills them."""


@dataclass(frozen=True)
class Tries:
    """How often runs over one window ended without data so far, the last one included."""

    transient: int = 0
    of_portal: int = 0
    called_off: int = 0


def pause_after(
    kind: FailureKind, tries: Tries, *, max_attempts: int, jitter: float
) -> timedelta | None:
    """How long the job waits before it tries the window again; None if it fails there.

    What may pass is tried up to `max_attempts` times with growing pauses. A lost worker is no
    fault of the window and is tried again at once, then later and later. A run that was called
    off, by a cancel of the execution or by a replica that stops, is no failure at all. What will
    not pass by itself fails the job: somebody has to mend something, and then to retry.
    """
    if kind is FailureKind.CALLED_OFF:
        return backoff(tries.called_off, timedelta(), jitter)
    if kind is FailureKind.OF_PORTAL and tries.of_portal < MOST_FAULTS_OF_PORTAL:
        if tries.of_portal <= 1:
            return timedelta()
        return backoff(tries.of_portal - 1, timedelta(), jitter)
    if kind is FailureKind.TRANSIENT and tries.transient < max_attempts:
        return backoff(tries.transient, timedelta(), jitter)
    return None
