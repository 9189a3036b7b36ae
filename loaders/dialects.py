"""The database kinds a loader can read from (spec 2, `source_databases.db_type`)."""

from __future__ import annotations

from django.db import models


class DatabaseType(models.TextChoices):
    """Kind of a source database; decides connector, port and SQL dialect."""

    MYSQL = "MYSQL", "MySQL / MariaDB"
    POSTGRESQL = "POSTGRESQL", "PostgreSQL"

    @property
    def sqlglot_dialect(self) -> str:
        """Name of the dialect for sqlglot."""
        return "mysql" if self is DatabaseType.MYSQL else "postgres"

    @property
    def default_port(self) -> int:
        """TCP port a server of this kind listens on unless told otherwise."""
        return 3306 if self is DatabaseType.MYSQL else 5432
