"""Liveness and readiness for probes (spec 12)."""

from __future__ import annotations

from http import HTTPStatus

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from execution.models import Replica

UP, DOWN = "UP", "DOWN"


def liveness(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": UP})


def readiness(request: HttpRequest) -> JsonResponse:
    """The database answers, is migrated, and a worker replica is alive; 503 otherwise."""
    components = {"database": DOWN, "migrations": DOWN, "workers": DOWN}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        components["database"] = UP
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            components["migrations"] = UP
            if Replica.objects.live().exists():
                components["workers"] = UP
    except DatabaseError:
        connection.close()
    is_ready = set(components.values()) == {UP}
    return JsonResponse(
        {"status": UP if is_ready else DOWN, "components": components},
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )
