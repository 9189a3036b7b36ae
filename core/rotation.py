"""Bringing what older keys sealed under the first key of the ring, row by row (spec 11).

A batch locks its rows and leaves out those that somebody else holds, so it waits for nobody while
it holds locks, and nobody waits longer for it than a batch takes. What was left out is met again
by the next pass. Rows are written by UPDATE of just these columns: no version history, no
`updated_at`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Model
from psycopg.errors import LockNotAvailable

from core.errors import TransientError
from core.keyring import DecryptionError, LostKeyError, key_id_of, keyring
from core.sealed_tables import SealedTable

LOCK_TIMEOUT = "2s"
WAITS = (0, 0.5, 1, 2, 4, 8)
"""Seconds before each attempt at what somebody else holds."""

MOST_LISTED = 1000
"""Problems that a walk lists; all are counted."""


class RotationBlockedError(TransientError):
    """A table stayed locked as a whole, as by a migration."""

    code = "ROTATION_BLOCKED"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class Fault(StrEnum):
    """Why a text can't be brought under the first key."""

    LOST_KEY = "LOST_KEY"
    """Its key is not in the ring."""

    DAMAGED = "DAMAGED"
    """It was changed or moved behind the portal's back: no key helps."""

    DOES_NOT_VERIFY = "DOES_NOT_VERIFY"
    """A digest or seal that is not that of its row: no key helps, and none is made for it."""

    UNDECIDED = "UNDECIDED"
    """A digest that can't be judged, because something else in its row can't be read."""

    @property
    def needs_its_key(self) -> bool:
        """Whether the text may still be worth something with the key that it names."""
        return self in {Fault.LOST_KEY, Fault.UNDECIDED}


@dataclass(frozen=True)
class Problem:
    """One text that stays as it is. Names its place and nothing of its content."""

    table: str
    column: str
    row: str
    """Primary key of the row."""

    fault: Fault
    key_id: str | None
    """The key that the text names; None if it names none."""


@dataclass(frozen=True)
class Judgement:
    """What is to be done about one row."""

    changes: Mapping[str, str]
    problems: tuple[Problem, ...]


@dataclass
class Walk:
    """What one pass over a table found, so far."""

    rotated: int = 0
    """Rows brought under the first key, or that would be."""

    rows_with_problems: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""

    worthless: Counter[str | None] = field(default_factory=Counter)
    """Texts that no key helps, by the key that they name."""

    def add(self, judgement: Judgement) -> None:
        """Count a row."""
        problems = judgement.problems
        self.rotated += bool(judgement.changes)
        self.rows_with_problems += bool(problems)
        self.problem_count += len(problems)
        self.problems += problems[: max(0, MOST_LISTED - len(self.problems))]
        self.worthless.update(p.key_id for p in problems if not p.fault.needs_its_key)


Report = Callable[[int], None]
"""Told after each batch how many rows it looked at."""


def walk(
    table: SealedTable, *, into: Walk, batch: int, is_dry_run: bool = False, report: Report
) -> None:
    """Bring a table's rows under the first key, `batch` rows a transaction, by primary key; with
    `is_dry_run` only find out what would become of them. Counts into `into` what is committed. Can
    be broken off anywhere and begun anew.

    Raises RotationBlockedError, and OperationalError when the database is lost.
    """
    last: Any = None
    while True:
        rows = _with_patience(table, partial(_step, table, last, batch, is_dry_run=is_dry_run))
        for row, judgement in rows:
            into.add(judgement)
            last = row.pk
        report(len(rows))
        if len(rows) < batch:
            return


def judge(table: SealedTable, row: Model) -> Judgement:
    """What of the row can be brought under the first key, and what can't and why."""
    old = table.old_texts(row)
    changes: dict[str, str] = {}
    faults: dict[str, Fault] = {}
    for encrypted in table.encrypted:
        name = encrypted.attname
        if name in old:
            try:
                plaintext = getattr(row, name)
            except DecryptionError as error:
                is_lost = isinstance(error, LostKeyError)
                faults[name] = Fault.LOST_KEY if is_lost else Fault.DAMAGED
            else:
                changes[name] = keyring().encrypt(plaintext, binding=encrypted.binding_of(row))
    if any(name in old for name in table.digests):
        renewed, refused = _judge_digests(table, row, old)
        changes |= renewed
        faults |= refused
    problems = (
        Problem(table.name, table.column(name), str(row.pk), fault, key_id_of(old[name]))
        for name, fault in faults.items()
    )
    return Judgement(changes, tuple(problems))


def _judge_digests(
    table: SealedTable, row: Any, old: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Fault]]:
    """Digests as the first key makes them, and faults of those that stay as they are. A renewed one
    may draw another after it that is new already: a seal is over a digest."""
    try:
        renewed = row.renewed_digests()
    except DecryptionError:
        renewed, is_readable = {}, False
    else:
        is_readable = True
    refused = [name for name in table.digests if name in old and name not in renewed]
    lost = [name for name in refused if key_id_of(old[name]) not in {None, *keyring().key_ids}]
    otherwise = Fault.UNDECIDED if lost or not is_readable else Fault.DOES_NOT_VERIFY
    changes = {name: text for name, text in renewed.items() if text != row.__dict__[name]}
    return changes, {n: Fault.LOST_KEY if n in lost else otherwise for n in refused}


def _step(
    table: SealedTable, after: Any, batch: int, *, is_dry_run: bool
) -> list[tuple[Model, Judgement]]:
    """One batch in one transaction. A row is judged by what it holds once it is locked."""
    rows = table.old_rows()
    if after is not None:
        rows = rows.filter(pk__gt=after)
    if is_dry_run:
        return [(row, judge(table, row)) for row in rows[:batch]]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        locked = rows.select_for_update(skip_locked=True, no_key=True)[:batch]
        judged = [(row, judge(table, row)) for row in locked]
        _write(table, [(row, found.changes) for row, found in judged if found.changes])
    return judged


def _write(table: SealedTable, changes: list[tuple[Model, Mapping[str, str]]]) -> None:
    """Write a batch by one statement: one a row would hold the locks several times as long."""
    if not changes:
        return
    quoted = connection.ops.quote_name
    key = table.model._meta.pk  # noqa: SLF001
    columns = [quoted(table.column(field)) for field in table.fields]
    values = ", ".join(f"{column} = coalesce(new.{column}, old.{column})" for column in columns)
    arrays = ", ".join(["%s::text[]"] * len(columns))
    statement = (
        f"UPDATE {quoted(table.name)} AS old SET {values} "
        f"FROM unnest(%s::{key.rel_db_type(connection)}[], {arrays}) "
        f"AS new (row_key, {', '.join(columns)}) WHERE old.{quoted(str(key.column))} = new.row_key"
    )
    texts = [[changed.get(field) for _, changed in changes] for field in table.fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, [[row.pk for row, _ in changes], *texts])


def _with_patience(
    table: SealedTable, step: Callable[[], list[tuple[Model, Judgement]]]
) -> list[tuple[Model, Judgement]]:
    """Try a batch again while its table is locked. Raises RotationBlockedError in the end."""
    for wait in WAITS:
        time.sleep(wait)
        try:
            return step()
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
    raise RotationBlockedError(
        f"The table {table.name} stays locked. What is rotated stays so; run it again later."
    )
