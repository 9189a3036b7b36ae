"""Many stretches of coverage as few, for display: each slice in the worst state it holds (spec 9).

Pure; instants are aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from core.window import Window
from execution.coverage import CoverageState

Known = tuple[datetime, datetime, CoverageState]
"""From, to and state of something that is known, in order and without overlaps."""

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
_RANKS_BY_NAME = {state.value: rank for state, rank in _RANK.items()}


def worst(states: Iterable[CoverageState]) -> CoverageState | None:
    """The state that asks most of a person; None of none."""
    return min(states, key=_RANK.__getitem__, default=None)


def with_holes(
    known: Iterable[Known], stretch: Window, settled_until: datetime | None
) -> Iterator[Known]:
    """What is known, clipped to the stretch, and the holes between: MISSING before `settled_until`,
    PENDING from there on (all of it for None)."""
    at = stretch.start
    for start, end, state in known:
        yield from _hole(at, min(start, stretch.end), settled_until)
        if max(start, at) < min(end, stretch.end):
            yield max(start, at), min(end, stretch.end), state
        at = max(at, end)
    yield from _hole(at, stretch.end, settled_until)


def condense(
    parts: Iterable[Known], stretch: Window, most: int
) -> list[tuple[Window, CoverageState]]:
    """A partition of the stretch of at most `most` parts: slices of equal length, neighbours of one
    state as one. `parts` are a partition of the stretch in order."""
    width = stretch.duration / most
    slices: list[int | None] = [None] * most
    for start, end, state in parts:
        rank = _RANKS_BY_NAME[state]
        first = min(int((start - stretch.start) / width), most - 1)
        last = min(max(-int(-((end - stretch.start) / width) // 1), first + 1), most)
        for number in range(first, last):
            before = slices[number]
            slices[number] = rank if before is None else min(before, rank)
    return _joined(slices, stretch)


def _joined(slices: Sequence[int | None], stretch: Window) -> list[tuple[Window, CoverageState]]:
    width = stretch.duration / len(slices)
    found: list[tuple[Window, CoverageState]] = []
    begun = 0
    for number, rank in enumerate(slices):
        is_last = number + 1 == len(slices)
        if is_last or slices[number + 1] != rank:
            end = stretch.end if is_last else stretch.start + (number + 1) * width
            state = WORST_FIRST[rank] if rank is not None else _S.PENDING
            found.append((Window(stretch.start + begun * width, end), state))
            begun = number + 1
    return found


def _hole(start: datetime, end: datetime, settled_until: datetime | None) -> Iterator[Known]:
    if start >= end:
        return
    border = start if settled_until is None else min(max(settled_until, start), end)
    if start < border:
        yield start, border, _S.MISSING
    if border < end:
        yield border, end, _S.PENDING
