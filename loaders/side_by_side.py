"""Two texts side by side, line by line, for people who decide about the difference. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

CONTEXT = 3
"""Unchanged lines that stay in sight before and after a change."""

_SHORTEST_FOLD = 4
"""Fewer unchanged lines are not worth a click."""

_ALIKE = 0.4
"""From this share on, two lines count as one that was changed, and its words are compared."""

_LONGEST = 200
"""Lines with more characters are not compared word by word: that takes quadratic time."""

_MANY = 300
"""In longer texts a line that is repeated often is no anchor: that would take quadratic time."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Part:
    """A piece of a line; `marked` where it differs from the other side."""

    text: str
    marked: bool


@dataclass(frozen=True)
class Side:
    """One line of one text with its number from 1."""

    number: int
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The line in whole."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Row:
    """What stands beside one another: the old line, the new one, or both. `kind` is `same`,
    `changed`, `removed` (nothing on the right) or `added` (nothing on the left)."""

    kind: str
    left: Side | None
    right: Side | None


@dataclass(frozen=True)
class Stretch:
    """Rows that follow one another; `folded` ones are unchanged and far from any change."""

    rows: tuple[Row, ...]
    folded: bool


def side_by_side(before: str, now: str) -> list[Stretch]:
    """The two texts as stretches of rows, long unchanged ones folded; empty when they are equal.

    Lines are those of `str.splitlines`: a line end at the very end makes no line of its own. Within
    a changed block lines are paired in their order. The worst two texts that the guard takes need
    some seconds.
    """
    old, new = before.splitlines(), now.splitlines()
    if old == new:
        return []
    return list(_folded(list(_rows(old, new))))


def _rows(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    matcher = SequenceMatcher(None, old, new, autojunk=max(len(old), len(new)) > _MANY)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(range(i1, i2), range(j1, j2), strict=True):
                yield Row("same", _plain(left, old[left]), _plain(right, new[right]))
        else:
            yield from _changed(old, new, range(i1, i2), range(j1, j2))


def _changed(
    old: Sequence[str], new: Sequence[str], lefts: Sequence[int], rights: Sequence[int]
) -> Iterator[Row]:
    """Rows of a block that differs. A pair too unlike to be one changed line keeps no marks: all of
    both would be marked."""
    for left, right in zip_longest(lefts, rights):
        if right is None:
            yield Row("removed", _plain(left, old[left]), None)
        elif left is None:
            yield Row("added", None, _plain(right, new[right]))
        else:
            was, becomes = _compared(old[left], new[right])
            yield Row("changed", Side(left + 1, was), Side(right + 1, becomes))


def _plain(place: int, line: str) -> Side:
    return Side(place + 1, (Part(line, marked=False),))


def _compared(was: str, becomes: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Both lines with the words marked that the other has not."""
    whole = (Part(was, marked=False),), (Part(becomes, marked=False),)
    if max(len(was), len(becomes)) > _LONGEST:
        return whole
    old, new = _WORDS.findall(was), _WORDS.findall(becomes)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return whole
    left, right = [], []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        left.append(Part("".join(old[i1:i2]), marked=tag != "equal"))
        right.append(Part("".join(new[j1:j2]), marked=tag != "equal"))
    return tuple(p for p in left if p.text), tuple(p for p in right if p.text)


def _folded(rows: Sequence[Row]) -> Iterator[Stretch]:
    """Cut the rows where a long unchanged run leaves the sight of its changes."""
    start = 0
    for first, end in _unchanged_runs(rows):
        fold_from = first + (CONTEXT if first else 0)
        fold_to = end - (CONTEXT if end < len(rows) else 0)
        if fold_to - fold_from < _SHORTEST_FOLD:
            continue
        if start < fold_from:
            yield Stretch(tuple(rows[start:fold_from]), folded=False)
        yield Stretch(tuple(rows[fold_from:fold_to]), folded=True)
        start = fold_to
    if start < len(rows):
        yield Stretch(tuple(rows[start:]), folded=False)


def _unchanged_runs(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """The half-open runs of unchanged rows."""
    start = None
    for place, row in enumerate(rows):
        if row.kind == "same" and start is None:
            start = place
        elif row.kind != "same" and start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(rows)
