"""What coverage says against what executions and signals say (spec 9). Pure; instants are aware
UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from operator import itemgetter
from typing import Any

from core.window import Window
from execution.coverage import DERIVED, GAPS, CoverageState, Interval, complete, overwrite

_S = CoverageState


class Fault(StrEnum):
    """What is wrong with a stretch."""

    SIGNALS_LOST = "SIGNALS_LOST"
    """An execution loaded signals that don't stand there any more, or others than it loaded."""

    SIGNALS_UNKNOWN = "SIGNALS_UNKNOWN"
    """Signals stand there that no execution loaded."""

    STATE = "STATE"
    """Coverage says something else than the executions."""

    COUNT = "COUNT"
    """Coverage counts another number of signals than stand there."""

    TOTALS = "TOTALS"
    """Totals by quarter of an hour are not those of the signals that stand there."""

    NOT_JUDGED = "NOT_JUDGED"
    """It was loaded before the oldest execution that is kept: nothing tells how."""

    @property
    def label(self) -> str:
        """In a few words."""
        return _LABELS[self]

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be mended."""
        return self is not Fault.NOT_JUDGED


_LABELS = {
    Fault.SIGNALS_LOST: "Signals are gone",
    Fault.SIGNALS_UNKNOWN: "Signals of no execution",
    Fault.STATE: "Another state",
    Fault.COUNT: "Another count",
    Fault.TOTALS: "Other totals",
    Fault.NOT_JUDGED: "Older than the executions",
}


@dataclass(frozen=True)
class Difference:
    """A stretch in which coverage is not what it should be. `told` is what coverage says, `found`
    what follows from executions and signals; the numbers are signals, where they were counted."""

    window: Window
    fault: Fault
    told: CoverageState
    found: CoverageState
    signals_told: int | None = None
    signals_found: int | None = None


def differences(
    stretch: Window,
    *,
    stored: Sequence[Interval],
    replayed: Sequence[Interval],
    faulty: Sequence[tuple[Window, Fault]],
    settled_until: datetime | None,
    history_since: datetime | None,
) -> list[Difference]:
    """Where the stored intervals differ from the replayed ones, in order.

    `faulty` are stretches whose signals are not what executions left: they follow to be gaps.
    Before `history_since` (None: there is no history at all) nothing is judged that no execution
    tells of. What is EXPIRED stays that: signals and executions of it are gone for good.
    """
    told = complete(stored, stretch.start, settled_until, stretch.end)
    found = complete(replayed, stretch.start, settled_until, stretch.end)
    parts = _overlay(
        stretch,
        [(one.window, one.state) for one in told],
        [(one.window, one.state) for one in found],
        sorted(faulty, key=itemgetter(0)),
        [(stretch, True)] if history_since is None else _older(stretch, history_since),
        _older(stretch, settled_until),
    )
    judged = (_judge(window, layers) for window, layers in parts)
    return _joined(one for one in judged if one is not None)


def mended(stored: Sequence[Interval], wrong: Iterable[Difference]) -> list[Interval]:
    """The stored intervals with what follows in the place of what is wrong."""
    becomes = list(stored)
    for one in wrong:
        if one.told is not one.found:
            becomes = overwrite(becomes, one.window, [_painted(one)])
    return becomes


def _painted(one: Difference) -> Interval:
    """What follows; how many signals stand in a loaded stretch is counted later."""
    return Interval(one.window, one.found, None, None if one.found is _S.LOADED else 0)


def _judge(window: Window, layers: Sequence[Any]) -> Difference | None:
    """What is wrong with a stretch in which nothing changes; None if nothing is."""
    told, found, fault, is_before_history, is_settled = layers
    if told is _S.EXPIRED or (fault is not None and told is _S.WAIVED):
        return None
    if fault is not None:
        hole = _S.MISSING if is_settled else _S.PENDING
        if told in {*GAPS, hole} and fault is Fault.SIGNALS_LOST:
            return None  # known to be a gap: nothing claims that they stand there
        return Difference(window, fault, told, hole)
    if told is found:
        return None
    if found in DERIVED and is_before_history and told is not _S.WAIVED:
        return Difference(window, Fault.NOT_JUDGED, told, told)
    return Difference(window, Fault.STATE, told, found)


def _older(stretch: Window, than: datetime | None) -> list[tuple[Window, bool]]:
    """The part of the stretch before an instant; nothing without one."""
    if than is None or than <= stretch.start:
        return []
    return [(Window(stretch.start, min(than, stretch.end)), True)]


def _overlay(
    stretch: Window, *layers: Sequence[tuple[Window, Any]]
) -> Iterator[tuple[Window, list[Any]]]:
    """The stretch cut wherever a layer changes, with what each layer says there. Layers are in
    order and don't overlap themselves; None is where one says nothing."""
    bounds = {stretch.start, stretch.end}
    for layer in layers:
        for window, _ in layer:
            bounds |= {b for b in (window.start, window.end) if stretch.contains(b)}
    at = [0] * len(layers)
    for start, end in pairwise(sorted(bounds)):
        values = []
        for number, layer in enumerate(layers):
            while at[number] < len(layer) and layer[at[number]][0].end <= start:
                at[number] += 1
            here = layer[at[number]] if at[number] < len(layer) else None
            values.append(here[1] if here is not None and here[0].start <= start else None)
        yield Window(start, end), values


def _joined(parts: Iterable[Difference]) -> list[Difference]:
    """Neighbours that say the same as one."""
    found: list[Difference] = []
    for part in parts:
        last = found[-1] if found else None
        if last and last.window.end == part.window.start and _same(last, part):
            found[-1] = replace(last, window=Window(last.window.start, part.window.end))
        else:
            found.append(part)
    return found


def _same(one: Difference, other: Difference) -> bool:
    return (one.fault, one.told, one.found) == (other.fault, other.told, other.found)
