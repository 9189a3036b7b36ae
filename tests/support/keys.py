"""Keys to rotate between, and what the database holds under each."""

from __future__ import annotations

import base64
from typing import Any

from django.db import connection

from core.keyring import Key
from core.sealed_tables import sealed_tables

OLD = base64.b64encode(b"the key that is to be replaced..").decode()
NEW = base64.b64encode(b"the key that is to replace it...").decode()
OLD_ID = Key.from_base64(OLD).key_id
NEW_ID = Key.from_base64(NEW).key_id
BOTH = f"{NEW},{OLD}"


def values_under(key_id: str) -> int:
    """How many stored texts name the key, counted by SQL of the tests' own."""
    total = 0
    with connection.cursor() as cursor:
        for table in sealed_tables():
            for field in table.fields:
                cursor.execute(
                    f"SELECT count(*) FROM {table.name} WHERE {table.column(field)} LIKE %s",
                    [f"___:{key_id}:%"],
                )
                total += cursor.fetchone()[0]
    return total


def alter(change: str, table: str) -> None:
    """Change rows behind the portal's back."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {change}")
        assert cursor.rowcount, change


def rows_of(table: str, without: tuple[str, ...] = ()) -> list[Any]:
    """All rows of a table, but for some columns."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t) - %s::text[] FROM {table} t", [list(without)])
        return sorted(str(row[0]) for row in cursor.fetchall())
