"""How many signals each run should still have standing, by what the runs recorded (spec 9).

A run that purges leaves no row in its window but its own. What it removed, it removed from the
runs before it: of those whose whole remaining time it covers, all that stood; of a run that it
covers in part, the rest. Where it covers two in part, only the sum of both is known, and they are
judged together. Pure; instants are aware UTC.

A row that somebody deleted and that a later run was to replace makes the later run's `purged` too
small; the run before it then seems to lack a row, and is loaded again needlessly.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.window import Window
from execution.coverage import uncovered


@dataclass(frozen=True)
class LoadedRun:
    """A run that committed. `keeps` says that it left standing what it met (SKIP_DUPLICATES)."""

    run: UUID
    window: Window
    rows: int
    purged: int
    keeps: bool = False


@dataclass(frozen=True)
class Claim:
    """So many signals of these runs stand in these stretches; None where that can't be told."""

    runs: frozenset[UUID]
    stretches: tuple[Window, ...]
    rows: int | None


def claims(runs: Iterable[LoadedRun]) -> list[Claim]:
    """What should stand after these runs, which are in the order of their commits. Runs that
    nothing is left of are left out."""
    ledger = _Ledger()
    for run in runs:
        ledger.apply(run)
    return ledger.claims()


@dataclass(eq=False)
class _Group:
    """Runs that are judged together: one, unless a purge met several of them in part."""

    runs: set[UUID]
    rows: int | None
    pieces: list[Window]


class _Ledger:
    """Whose rows stand where. Pieces overlap only where a run kept what it met."""

    def __init__(self) -> None:
        self._starts: list[tuple[datetime, int]] = []
        self._pieces: dict[tuple[datetime, int], tuple[Window, _Group]] = {}
        self._longest = timedelta(0)
        self._number = 0

    def apply(self, run: LoadedRun) -> None:
        """One run."""
        met = self._met(run.window)
        if run.keeps:
            self._settle(met, run.purged)
        else:
            covered = [group for group in met if _lies_in(group.pieces, run.window)]
            rest = [group for group in met if group not in covered]
            left = _left(run.purged, covered)
            for group in met:
                self._cut(group, run.window)
            self._settle(rest, left)
        self._add(_Group({run.run}, run.rows, []), [run.window])

    def claims(self) -> list[Claim]:
        """Each group once."""
        groups = {id(group): group for _, group in self._pieces.values()}
        return [
            Claim(frozenset(group.runs), tuple(sorted(group.pieces)), group.rows)
            for group in groups.values()
        ]

    def _met(self, window: Window) -> list[_Group]:
        """Groups with a piece that overlaps the window, each once."""
        first = bisect_left(self._starts, (window.start - self._longest, -1))
        last = bisect_left(self._starts, (window.end, -1))
        found = {}
        for key in self._starts[first:last]:
            piece, group = self._pieces[key]
            if piece.overlaps(window):
                found[id(group)] = group
        return list(found.values())

    def _settle(self, met: Sequence[_Group], removed: int | None) -> None:
        """Take what a purge removed off those that it met in part."""
        if not met or removed == 0:
            return
        if removed is None or removed < 0:
            for group in met:
                group.rows = None
            return
        one = met[0] if len(met) == 1 else self._joined(met)
        if one.rows is not None:
            one.rows = one.rows - removed if one.rows >= removed else None

    def _joined(self, groups: Sequence[_Group]) -> _Group:
        rows = [group.rows for group in groups]
        known = [count for count in rows if count is not None]
        runs = set().union(*(group.runs for group in groups))
        one = _Group(runs, sum(known) if len(known) == len(rows) else None, [])
        pieces = [piece for group in groups for piece in group.pieces]
        for group in groups:
            self._forget(group)
        self._add(one, pieces)
        return one

    def _cut(self, group: _Group, window: Window) -> None:
        """Leave the group what lies outside of the window."""
        pieces = [
            part
            for piece in group.pieces
            for part in (uncovered(piece, [window]) if piece.overlaps(window) else [piece])
        ]
        self._forget(group)
        self._add(group, pieces)

    def _add(self, group: _Group, pieces: Sequence[Window]) -> None:
        for piece in pieces:
            self._number += 1
            key = (piece.start, self._number)
            insort(self._starts, key)
            self._pieces[key] = (piece, group)
            self._longest = max(self._longest, piece.duration)
            group.pieces.append(piece)

    def _forget(self, group: _Group) -> None:
        for piece in group.pieces:
            at = bisect_left(self._starts, (piece.start, -1))
            while self._pieces[self._starts[at]][1] is not group:
                at += 1
            del self._pieces[self._starts.pop(at)]
        group.pieces = []


def _lies_in(pieces: Iterable[Window], window: Window) -> bool:
    return all(window.start <= piece.start and piece.end <= window.end for piece in pieces)


def _left(purged: int, covered: Iterable[_Group]) -> int | None:
    """What of the purged rows belonged to nobody who was covered whole."""
    for group in covered:
        if group.rows is None:
            return None
        purged -= group.rows
    return purged
