"""Which windows posted signals speak for (spec 8, 9). Pure; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.window import Window
from loaders.grain import Grain
from loaders.policies import WatermarkPolicy

SHORTEST_SILENCE = timedelta(hours=25)
"""A calendar day in which clocks go back."""


def windows_of(
    stamps: Sequence[datetime], grain: Grain, longest: timedelta
) -> list[tuple[Window, int]]:
    """The windows, in order, and how many of the stamps lie in each.

    A post speaks for all the time from its first grain to the end of its last, as a run does for
    its window: grains without a signal in between had none. Where nothing stands for longer than
    a run's longest window, it speaks for the time before and after, and not for that between.
    `stamps` are in order, on the grain, and at least one.
    """
    silence = max(longest, SHORTEST_SILENCE)
    found = []
    first = 0
    for number, stamp in enumerate(stamps):
        is_last = number + 1 == len(stamps)
        if is_last or stamps[number + 1] - stamp > silence:
            window = Window(stamps[first], grain.following(stamp))
            found.append((window, number + 1 - first))
            first = number + 1
    return found


def watermark_after_post(
    policy: WatermarkPolicy, watermark: datetime | None, greatest: datetime, end: datetime
) -> datetime:
    """Where a post whose last signal has the time `greatest`, in a grain up to `end`, leaves the
    watermark: never further back than it was."""
    reached = end if policy is WatermarkPolicy.WINDOW_END else greatest
    return reached if watermark is None else max(watermark, reached)
