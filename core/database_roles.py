"""Two database roles: the owner migrates, the application only works (spec 2).

`migrate` runs as the owner of the schemas and grants `LOADERPORTAL_APP_ROLE` the right to read
and write rows, never to alter tables, and never to change or remove an append-only row.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections

SCHEMAS = ("loader", "signals")
FUNCTIONS = (
    "signals.ensure_partition(timestamptz)",
    "signals.drop_output(uuid,bigint)",
    "signals.drop_month(timestamptz)",
)
"""Functions that run with the owner's rights, which nobody but the application may call."""

PRUNE_AUDIT = "loader.prune_audit(bigint)"
"""The one way to remove audit events: the application may call it only where they are not kept for
ever."""

APPEND_ONLY = "append_only"
"""Attribute that a model class sets to True if its rows are never changed or removed."""


def grant_after_migrate(sender: Any, using: str, **_: Any) -> None:
    """Bring the application role's grants up to date; a no-op when one role does all."""
    role = settings.DATABASE_APP_ROLE
    if not role:
        return
    connection = connections[using]
    quoted = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        for schema in SCHEMAS:
            cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")
            cursor.execute(
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {quoted}"
            )
            cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted}")
        cursor.execute(f"GRANT SELECT ON django_migrations TO {quoted}")
        for function in (*FUNCTIONS, PRUNE_AUDIT):
            cursor.execute("SELECT to_regprocedure(%s) IS NOT NULL", [function])
            if not cursor.fetchone()[0]:  # not yet, or no longer: migrations went only part way
                continue
            if function == PRUNE_AUDIT and not settings.AUDIT_RETENTION:
                cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM {quoted}")
            else:
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {quoted}")
        for table in append_only_tables():
            name = connection.ops.quote_name(table)
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if cursor.fetchone()[0]:
                cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM {quoted}")


def append_only_tables() -> list[str]:
    """Tables whose model says that its rows are append-only."""
    from django.apps import apps

    return [
        model._meta.db_table  # noqa: SLF001
        for model in apps.get_models()
        if getattr(model, APPEND_ONLY, False)
    ]
