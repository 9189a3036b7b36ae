"""What clients ask about: ranges of time in epoch seconds, segment combinations (spec 10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from core.window import Window
from loaders.rules import EARLIEST, LATEST
from signals.exceptions import QueryInvalidError

MOST_SEGMENTS = 20


def epoch_window(from_epoch: int, to_epoch: int) -> Window:
    """The range between two epoch seconds. Raises QueryInvalidError for an empty one, and for one
    outside the years that a loader can load."""
    if not EARLIEST.timestamp() <= from_epoch < to_epoch <= LATEST.timestamp():
        if from_epoch >= to_epoch:
            raise QueryInvalidError("fromEpoch must be less than toEpoch.")
        raise QueryInvalidError(
            "fromEpoch and toEpoch are seconds since 1970, up to the year 2200."
        )
    return Window(*(datetime.fromtimestamp(second, UTC) for second in (from_epoch, to_epoch)))


def check_segments(codes: Sequence[UUID]) -> None:
    """Raises QueryInvalidError for too many."""
    if len(codes) > MOST_SEGMENTS:
        raise QueryInvalidError(f"Name at most {MOST_SEGMENTS} segmentCodes at a time.")
