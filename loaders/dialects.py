"""The database kinds a loader can read from (spec 2, `source_databases.db_type`)."""

from __future__ import annotations

from django.db import models


class DatabaseType(models.TextChoices):
    """Kind of a source database; decides connector, port and SQL dialect."""

    MYSQL = "MYSQL", "MySQL / MariaDB"
    POSTGRESQL = "POSTGRESQL", "PostgreSQL"
    SIMULATED = "SIMULATED", "Simulated (no server)"

    @property
    def grammar(self) -> DatabaseType:
        """The kind whose SQL sources of this kind speak: a simulated one speaks PostgreSQL's."""
        return DatabaseType.POSTGRESQL if self is DatabaseType.SIMULATED else self

    @property
    def sqlglot_dialect(self) -> str:
        """Name of the dialect for sqlglot."""
        return "mysql" if self is DatabaseType.MYSQL else "postgres"

    @property
    def default_port(self) -> int:
        """TCP port a server of this kind listens on unless told otherwise; 1 where none does."""
        ports = {DatabaseType.MYSQL: 3306, DatabaseType.POSTGRESQL: 5432}
        return ports.get(self, 1)
