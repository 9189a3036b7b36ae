"""Rotating the encryption keys: everything stored comes under the first key, and the report says
which keys are still needed (spec 11)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from accounts.roles import Permission, User, require
from audit.services import record
from core.keyring import keyring
from core.rotation import MOST_LISTED, WAITS, Problem, Walk, walk
from core.sealed_tables import SealedTable, sealed_tables

BATCH = 200
"""Rows a transaction, unless said otherwise: some tens of milliseconds."""

Progress = Callable[[int, int], None]
"""Told how many of how many rows have been looked at."""


class Place(StrEnum):
    """Where a key stands in `ENCRYPTION_KEY`."""

    FIRST = "FIRST"
    OTHER = "OTHER"
    MISSING = "MISSING"


@dataclass(frozen=True)
class KeyUse:
    """What is stored under one key, and whether the key is needed for it."""

    key_id: str
    place: Place
    values: int
    """Ciphertexts and digests that name the key."""

    needed_for: int
    """Of them, those that it may still open or verify: the damaged ones left out."""

    lasting: int
    """Of those, digests that can't be made anew, such as those of append-only tables."""

    @property
    def is_needed(self) -> bool:
        """Whether the key must stay in the ring. The first always must."""
        return self.place == Place.FIRST or self.needed_for > 0


@dataclass(frozen=True)
class TableReport:
    """What became of one table's rows that hold something sealed."""

    table: str
    rows: int
    rotated: int
    """By this call."""

    current: int
    """Entirely under the first key already when it began."""

    with_problems: int
    remaining: int
    """Still to do: not tried, or held by somebody."""


@dataclass(frozen=True)
class RotationReport:
    """What a rotation did, or would do."""

    is_dry_run: bool
    tables: tuple[TableReport, ...]
    problems: tuple[Problem, ...]
    """The first of them; `problem_count` counts all."""

    problem_count: int
    keys: tuple[KeyUse, ...]
    """Those of the ring in its order, then those that are missing from it."""

    @property
    def remaining(self) -> int:
        """Rows still to do."""
        return sum(table.remaining for table in self.tables)


@dataclass
class _Course:
    """One table on its way: what there was at the beginning, and what its last walk found."""

    table: SealedTable
    current: int
    old: int
    remaining: int
    rotated_before: int = 0
    last: Walk = field(default_factory=Walk)

    @classmethod
    def of(cls, table: SealedTable) -> _Course:
        old = table.old_rows().count()
        return cls(table, table.sealed_rows().count() - old, old, remaining=old)

    @property
    def rotated(self) -> int:
        return self.rotated_before + self.last.rotated

    def again(self) -> Walk:
        """Begin another walk."""
        self.rotated_before += self.last.rotated
        self.last = Walk()
        return self.last


def rotate_keys(*, user: User, batch: int = BATCH, progress: Progress) -> RotationReport:
    """Bring everything stored under the first key of `ENCRYPTION_KEY`. May be broken off and begun
    anew at any time, and run twice at once. What can't be read stays as it is and is listed.

    Raises PermissionDeniedError, RotationBlockedError.
    """
    require(user, Permission.MANAGE_KEYS)
    courses = [_Course.of(table) for table in sealed_tables()]
    try:
        _rotate(courses, batch, progress)
    except KeyboardInterrupt:
        _audit(user, courses, "interrupted")
        raise
    report = _report(courses, is_dry_run=False)
    _audit(user, courses, "unfinished" if report.remaining else "finished", report)
    return report


def plan_rotation(*, user: User, batch: int = BATCH, progress: Progress) -> RotationReport:
    """What `rotate_keys` would find, written nowhere. Raises PermissionDeniedError."""
    require(user, Permission.MANAGE_KEYS)
    courses = [_Course.of(table) for table in sealed_tables()]
    told = _teller(courses, progress)
    for course in courses:
        walk(course.table, into=course.last, batch=batch, is_dry_run=True, report=told)
        course.remaining = course.last.rotated
        course.last.rotated = 0
    return _report(courses, is_dry_run=True)


def _rotate(courses: list[_Course], batch: int, progress: Progress) -> None:
    """Pass after pass, until one leaves nothing but problems: rows that somebody held, or saved as
    they had read them before, are met by a later one."""
    told = _teller(courses, progress)
    for wait in WAITS:
        time.sleep(wait)
        for course in courses:
            if course.remaining:
                walk(course.table, into=course.again(), batch=batch, report=told)
        for course in courses:
            left = course.table.old_rows().count()
            course.remaining = max(0, left - course.last.rows_with_problems)
        if not any(course.remaining for course in courses):
            return


def _teller(courses: list[_Course], progress: Progress) -> Callable[[int], None]:
    total, done = sum(course.old for course in courses), 0

    def told(rows: int) -> None:
        nonlocal done
        done = min(done + rows, total)  # a later pass meets rows again
        progress(done, total)

    return told


def _report(courses: list[_Course], *, is_dry_run: bool) -> RotationReport:
    problems = [problem for course in courses for problem in course.last.problems]
    return RotationReport(
        is_dry_run=is_dry_run,
        tables=tuple(_table_report(course) for course in courses),
        problems=tuple(problems[:MOST_LISTED]),
        problem_count=sum(course.last.problem_count for course in courses),
        keys=_key_uses(courses),
    )


def _table_report(course: _Course) -> TableReport:
    return TableReport(
        table=course.table.name,
        rows=course.table.sealed_rows().count(),
        rotated=course.rotated,
        current=course.current,
        with_problems=course.last.rows_with_problems,
        remaining=course.remaining,
    )


def _key_uses(courses: list[_Course]) -> tuple[KeyUse, ...]:
    named: Counter[str | None] = Counter()
    lasting: Counter[str | None] = Counter()
    worthless: Counter[str | None] = Counter()
    for course in courses:
        named.update(course.table.key_ids(course.table.fields))
        lasting.update(course.table.key_ids(course.table.lasting))
        worthless.update(course.last.worthless)
    named.update(lasting)
    ring = keyring().key_ids
    places = dict.fromkeys(ring, Place.OTHER) | {ring[0]: Place.FIRST}
    known = [*ring, *sorted(key_id for key_id in named if key_id and key_id not in ring)]
    return tuple(
        KeyUse(
            key_id=key_id,
            place=places.get(key_id, Place.MISSING),
            values=named[key_id],
            needed_for=max(0, named[key_id] - worthless[key_id]),
            lasting=lasting[key_id],
        )
        for key_id in known
    )


def _audit(
    user: User, courses: list[_Course], outcome: str, report: RotationReport | None = None
) -> None:
    """Counts and ids of keys; never a key."""
    facts: dict[str, object] = {
        "outcome": outcome,
        "keyId": keyring().key_ids[0],
        "rotated": {course.table.name: course.rotated for course in courses if course.rotated},
    }
    if report is not None:
        facts["remaining"] = report.remaining
        facts["problems"] = report.problem_count
        facts["keysNeeded"] = [use.key_id for use in report.keys if use.is_needed]
    record(
        actor=user, action="keys.rotate", object_type="keyring", object_id="keyring", after=facts
    )
