"""The use case: export evidence about a loader and a period."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO

from django.db import connection, transaction

from accounts.roles import Permission, User
from audit.services import record
from core.clock import database_now
from core.window import Window
from execution.services.time_line import time_line_of
from loaderportal.evidence.package import Manifest, Part, write_package
from loaderportal.evidence.parts import Collection
from loaders.definition_file import to_yaml
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader
from loaders.services import require_on
from loaders.services.interchange import written_values


def export_evidence(
    *,
    user: User,
    loader: Loader,
    start: datetime,
    end: datetime,
    target: IO[bytes],
    tell: Callable[[str, int], None] = lambda name, rows: None,
) -> Manifest:
    """Write the ZIP about `[start, end)` (aware UTC) to the target, as of one instant and in
    bounded memory; the audit trail tells of it, with the manifest's SHA-256.

    Raises PermissionDeniedError, LoaderNotFoundError, ValidationFailedError for a period that is
    none, DecryptionError.
    """
    require_on(user, Permission.EXPORT_EVIDENCE, loader)
    if start >= end:
        message = "The end must be after the start."
        raise ValidationFailedError(message, details={"errors": {"to": [message]}})
    with _one_instant():
        manifest = _write(user, loader, Window(start, end), target, tell)
    record(
        actor=user,
        action="evidence.export",
        object_type="loader",
        object_id=loader.loader_code,
        after={
            "from": start.isoformat(),
            "to": end.isoformat(),
            "manifest_sha256": manifest.sha256,
        },
    )
    return manifest


def file_name(loader_code: str, start: datetime, end: datetime) -> str:
    """What to call the package."""
    return f"evidence-{loader_code}-{start:%Y%m%dT%H%M%SZ}-{end:%Y%m%dT%H%M%SZ}.zip"


def _write(
    user: User,
    loader: Loader,
    period: Window,
    target: IO[bytes],
    tell: Callable[[str, int], None],
) -> Manifest:
    now = database_now()
    line = time_line_of(loader, loader.state, now)
    found = Collection(user, loader, period, line)
    values = written_values(loader)
    if not found.with_sql:
        values.pop("loaderSql")
    return write_package(
        target,
        [Part("definition.yaml", to_yaml(values)), *found.parts],
        lambda: {
            "loader_code": loader.loader_code,
            "loader_id": loader.pk,
            "from": period.start,
            "to": period.end,
            "as_of": now,
            "exported_by": user.get_username(),
            "sql_included": found.with_sql,
            "secrets_included": False,
            "watermark": line.watermark if line else None,
            "audit": {"events": found.audit_events, "not_sealed_yet": found.unsealed},
        },
        tell,
    )


@contextmanager
def _one_instant() -> Iterator[None]:
    """Let all that is read be as of one instant; within a transaction of the caller's, as of
    whatever that sees."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
