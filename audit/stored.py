"""Reading seals and checkpoints as the rows say, for verification."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from django.db import connection, transaction

from audit.chain import StoredCheckpoint, StoredSeal
from audit.event_text import event_text, instant

CHUNK = 2000


def _checkpoint_columns(alias: str) -> str:
    return (
        f"{alias}.id, {alias}.kind, {alias}.number, {alias}.head, "
        f"{instant(f'{alias}.at')}, {instant(f'{alias}.before')}, {alias}.mac"
    )


_SEALS = f"""
SELECT s.number, s.event_id, s.previous_head, s.head, {instant("s.sealed_at")},
       CASE WHEN e.id IS NOT NULL THEN {event_text("e")} END,
       {_checkpoint_columns("c")}, {_checkpoint_columns("p")}
FROM audit_seal s
LEFT JOIN audit_event e ON e.id = s.event_id
LEFT JOIN audit_checkpoint c ON c.number = s.number AND c.kind = 'SEALED'
LEFT JOIN audit_checkpoint p ON p.number = s.number - 1 AND p.kind = 'PRUNED'
WHERE %(until)s::bigint IS NULL OR s.number <= %(until)s
ORDER BY s.number
"""


def read_seals(*, until: int | None = None) -> Generator[Iterator[StoredSeal], None, None]:
    """The chain in its order, in chunks of bounded size, all as of one instant. The iterator holds
    a transaction until it is closed or at its end."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_SEALS, {"until": until})
        while rows := cursor.fetchmany(CHUNK):
            yield map(_seal, rows)


def last_checkpoint() -> StoredCheckpoint | None:
    """The one furthest along the chain."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_checkpoint_columns('c')} FROM audit_checkpoint c "
            "ORDER BY c.number DESC, c.kind DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return None if row is None else StoredCheckpoint(*row)


def _seal(row: Sequence[Any]) -> StoredSeal:
    return StoredSeal(
        number=row[0],
        event_id=row[1],
        previous_head=row[2],
        head=row[3],
        sealed_at=row[4],
        event=row[5],
        checkpoint=_checkpoint(row[6:13]),
        pruned=_checkpoint(row[13:20]),
    )


def _checkpoint(row: Sequence[Any]) -> StoredCheckpoint | None:
    return None if row[0] is None else StoredCheckpoint(*row)
