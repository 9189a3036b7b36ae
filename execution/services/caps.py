"""The caps on what is active at once: of a loader, of its source, of the portal (spec 6.1)."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, models

from core.window import Window
from execution.exceptions import LoaderAtCapacityError, PortalAtCapacityError
from execution.models import LoaderExecutionLock, Replica, Trigger
from loaders.models import Loader

_CAPS_LOCK = 7_210_001
"""Key of the advisory lock under which the caps over several loaders are counted."""


def check_loader_cap(loader: Loader, window: Window, *, most: int, is_live: bool) -> None:
    """One live run a loader, no two runs over one stretch of time, and never more than `most` at
    once; trials write nothing and don't count. The caller holds the lock of the loader's state row,
    so nobody dispatches it meanwhile. Raises LoaderAtCapacityError."""
    active = LoaderExecutionLock.objects.active().filter(loader=loader)
    active = active.exclude(load_history__trigger=Trigger.DRY_RUN)
    if (is_live and active.filter(is_live=True).exists()) or active.count() >= most:
        raise LoaderAtCapacityError(
            f"{loader.loader_code} is running already. Wait for its run to end."
        )
    if active.filter(window_from__lt=window.end, window_to__gt=window.start).exists():
        raise LoaderAtCapacityError(
            f"{loader.loader_code} is loading a part of this window already. Wait for that run to "
            "end."
        )


def check_shared_caps(loader: Loader, trigger: Trigger) -> None:
    """The caps over all loaders: total, source, slots of live replicas. Takes an advisory lock that
    the caller's transaction holds to its end. Raises PortalAtCapacityError and
    LoaderAtCapacityError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CAPS_LOCK])
    active = LoaderExecutionLock.objects.active()
    if active.count() >= settings.MAX_ACTIVE_LOCKS:
        raise PortalAtCapacityError(
            f"{settings.MAX_ACTIVE_LOCKS} runs are active, as many as the portal allows."
        )
    source = loader.source
    asking = active.filter(loader__source_database=source).exclude(
        load_history__trigger=Trigger.RESTORE
    )
    if trigger.asks_source and asking.count() >= source.max_connections:
        raise LoaderAtCapacityError(
            f"Source {source.db_code} serves {source.max_connections} runs already."
        )
    live = list(Replica.objects.live().values_list("name", "slots"))
    names = ["", *(name for name, _ in live)]
    if active.filter(models.Q(replica_name__in=names)).count() >= sum(n for _, n in live):
        raise PortalAtCapacityError("No worker has a free slot at the moment.")
