"""Many stretches of coverage as few, for display: each slice of the time in the worst state that it
holds (spec 9). Pure; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.window import Window
from execution.coverage import CoverageState

_S = CoverageState
WORST_FIRST = (
    _S.FAILED,
    _S.MISSING,
    _S.UNVERIFIED,
    _S.PENDING,
    _S.EXPIRED,
    _S.WAIVED,
    _S.EMPTY,
    _S.LOADED,
)
"""Which state a stretch shows that holds several: the one that asks most of a person."""

_RANK = {state: rank for rank, state in enumerate(WORST_FIRST)}


def worst(states: Iterable[CoverageState]) -> CoverageState | None:
    """The state that asks most of a person; None of none."""
    return min(states, key=_RANK.__getitem__, default=None)


def slices(stretch: Window, count: int) -> list[Window]:
    """The stretch in so many parts of equal length."""
    bounds = [stretch.start + stretch.duration * number / count for number in range(count)]
    return [Window(a, b) for a, b in zip(bounds, [*bounds[1:], stretch.end], strict=True)]


def condense(
    states: Iterable[tuple[Window, CoverageState]],
) -> Sequence[tuple[Window, CoverageState]]:
    """Neighbours of one state as one; they are in order and leave no hole."""
    found: list[tuple[Window, CoverageState]] = []
    for window, state in states:
        if found and found[-1][1] is state:
            found[-1] = (Window(found[-1][0].start, window.end), state)
        else:
            found.append((window, state))
    return found
