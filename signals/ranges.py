"""Ranges of time as clients name them: epoch seconds (spec 10)."""

from __future__ import annotations

from datetime import UTC, datetime

from core.window import Window
from loaders.rules import EARLIEST, LATEST
from signals.exceptions import QueryInvalidError


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
