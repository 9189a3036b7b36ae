"""What is measured on: a portal database with an approved loader over each set of readings."""

from __future__ import annotations

import time

from django.db import connections

from benchmarks.readings import Readings
from execution import engine
from execution.models import LoadHistory, RunStatus
from loaders.models import Loader, LoaderState, SourceDatabase
from loaders.policies import PurgeStrategy
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.scenes import Scene, lock_id_of, make_loader, make_source


class Stage:
    """People, a replica, sources and loaders; one a portal database."""

    def __init__(self, database: PortalDatabase, first: SourceServer) -> None:
        self.database = database
        self.scene = Scene(first)
        self._sources: dict[str, SourceDatabase] = {first.db_name: self.scene.source}

    def add(self, source: SourceServer, readings: Readings) -> Loader:
        """Make the readings, and an approved loader that reads all of them in one window.

        The same ones are made once.
        """
        known = Loader.objects.filter(loader_code=_code_of(source, readings)).first()
        if known is not None:
            return known
        readings.make(source)
        registered = self._sources.get(source.db_name)
        if registered is None:
            registered = make_source(source, self.scene.people, db_code=source.db_type)
            self._sources[source.db_name] = registered
        return make_loader(
            self.scene.people,
            registered,
            _code_of(source, readings),
            loader_sql=readings.sql,
            grain_seconds=60,
            max_query_period_seconds=round(readings.period.total_seconds()),
            end_at=readings.end,
            purge_strategy=PurgeStrategy.PURGE_AND_RELOAD,
        )

    def close(self) -> None:
        """Give the database connections back."""
        connections.close_all()

    def empty(self) -> None:
        """Leave no signal, as before a first run."""
        with self.database.server.admin_connection(self.database.name) as connection:
            connection.execute("TRUNCATE signals.signals_history")

    def run(self, loader: Loader) -> LoadHistory:
        """Load the loader's one window again. The history afterwards, of a success."""
        return self.timed_run(loader)[0]

    def timed_run(self, loader: Loader) -> tuple[LoadHistory, float]:
        """The same, and the seconds from claim to the released lock, dispatch left out."""
        self.scene.beat()
        LoaderState.objects.filter(pk=loader.pk).update(last_load_timestamp=None)
        history = self.scene.dispatch(loader)
        lock_id = lock_id_of(history)
        started = time.perf_counter()
        engine.run(lock_id)
        seconds = time.perf_counter() - started
        history.refresh_from_db()
        if history.status != RunStatus.SUCCESS:
            raise AssertionError(f"{history.error_code}: {history.error_message}")
        return history, seconds


def _code_of(source: SourceServer, readings: Readings) -> str:
    return f"{source.db_type}_{readings.table.upper()}"
