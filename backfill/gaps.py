"""Which gaps become backfills, and why the others don't (spec 9). Pure; instants are aware UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.window import Window
from execution.coverage import CoverageState, uncovered


class Fate(StrEnum):
    """What becomes of a gap in a scan."""

    SUBMITTED = "SUBMITTED"
    """A backfill was made for it."""

    IN_HAND = "IN_HAND"
    """A backfill that has not ended is over it."""

    TOO_SHORT = "TOO_SHORT"
    """It is shorter than a gap must be."""

    LOADER_LEFT_OUT = "LOADER_LEFT_OUT"
    """Its loader can't run: disabled, not approved."""

    LATER = "LATER"
    """The scan had made as many backfills as it may."""

    REFUSED = "REFUSED"
    """Its backfill was refused; the finding says why."""


class LeftOut(StrEnum):
    """Why a scan makes no backfills for a loader."""

    DISABLED = "DISABLED"
    NOT_APPROVED = "NOT_APPROVED"
    ARCHIVED = "ARCHIVED"
    EXTERNAL = "EXTERNAL"


@dataclass(frozen=True)
class Rules:
    """What a scan goes by: how far it looks back, how long a gap must be, how many backfills it
    makes at most."""

    since: datetime
    shortest: timedelta
    most_jobs: int


@dataclass(frozen=True)
class LoaderGaps:
    """One loader's gaps, each with its state, in order; neighbours may be of different states.

    `keeps_since` is how far back its source has data (None: for ever). `in_hand` are the ranges of
    its backfills that have not ended, `tried` those of the scanner's that failed of late.
    """

    code: str
    gaps: Sequence[tuple[Window, CoverageState]]
    left_out: LeftOut | None = None
    keeps_since: datetime | None = None
    in_hand: Sequence[Window] = ()
    tried: Sequence[Window] = ()


@dataclass(frozen=True)
class Found:
    """A gap and what becomes of it. SUBMITTED is meant to be: the caller does it."""

    code: str
    window: Window
    states: tuple[CoverageState, ...]
    fate: Fate
    tries: int = 0


def plan(loaders: Iterable[LoaderGaps], rules: Rules) -> list[Found]:
    """Every gap of the loaders within reach, with its fate; those to be submitted come first, in
    the order in which that should be done.

    A gap is an unbroken stretch, whatever its states; it is cut to what the scan looks back and to
    what the source still has. What a backfill is over already is not loaded twice. Gaps that were
    not tried of late go first, then the oldest: their source may forget them soonest.
    """
    found = [gap for loader in loaders for gap in _of_loader(loader, rules)]
    wanted = sorted(
        (gap for gap in found if gap.fate is Fate.SUBMITTED),
        key=lambda gap: (gap.tries, gap.window, gap.code),
    )
    later = [_with_fate(gap, Fate.LATER) for gap in wanted[rules.most_jobs :]]
    rest = [gap for gap in found if gap.fate is not Fate.SUBMITTED]
    return [*wanted[: rules.most_jobs], *later, *rest]


def _of_loader(loader: LoaderGaps, rules: Rules) -> Iterable[Found]:
    reach = rules.since if loader.keeps_since is None else max(rules.since, loader.keeps_since)
    for window, states in _unbroken(loader.gaps, reach):
        if loader.left_out is not None:
            yield Found(loader.code, window, states, Fate.LOADER_LEFT_OUT)
            continue
        if window.duration < rules.shortest:
            yield Found(loader.code, window, states, Fate.TOO_SHORT)
            continue
        free = uncovered(window, loader.in_hand)
        if free != [window]:
            yield Found(loader.code, window, states, Fate.IN_HAND)
        for part in free:
            if part.duration >= rules.shortest:
                tries = sum(part.overlaps(other) for other in loader.tried)
                yield Found(loader.code, part, states, Fate.SUBMITTED, tries)


def _unbroken(
    gaps: Iterable[tuple[Window, CoverageState]], reach: datetime
) -> list[tuple[Window, tuple[CoverageState, ...]]]:
    """Neighbours as one, from `reach` on."""
    found: list[tuple[Window, tuple[CoverageState, ...]]] = []
    for window, state in sorted(gaps):
        if window.end <= reach:
            continue
        cut = Window(max(window.start, reach), window.end)
        if found and found[-1][0].end == cut.start:
            last, states = found[-1]
            known = states if state in states else (*states, state)
            found[-1] = (Window(last.start, cut.end), known)
        else:
            found.append((cut, (state,)))
    return found


def _with_fate(gap: Found, fate: Fate) -> Found:
    return Found(gap.code, gap.window, gap.states, fate, gap.tries)
