"""Runs that commit as the engine's do, without a source: their rows are made up here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction

from core.clock import database_now
from core.window import Window
from execution.coverage import Outcome
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services.coverage import update_coverage
from loaders.models import Loader, LoaderState
from loaders.policies import PurgeStrategy
from signals.partitions import ensure_partitions
from signals.rollups import rebuild
from tests.support.coverage import hour, hours, rows
from tests.support.scenes import START

_KEEP = PurgeStrategy.SKIP_DUPLICATES


class ByHand:
    """Runs of one loader over hours, `(first, last)`; each hour named twice gets two rows."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        assert loader.approved_version is not None
        self.version = loader.approved_version

    def run(
        self,
        first: float,
        last: float,
        stamps: Sequence[float] = (),
        *,
        trigger: Trigger = Trigger.SCHEDULE,
        keeps: bool = False,
        moves_to: float | None = None,
    ) -> LoadHistory:
        """A run that commits; its rows bear these hours."""
        ensure_partitions(hours(first, last))
        with transaction.atomic():
            state = LoaderState.objects.select_for_update(no_key=True).get(pk=self.loader.pk)
            history = self._history(hours(first, last), trigger, keeps=keeps)
            purged = 0 if keeps else self._purge(first, last)
            loaded = self._write(history.pk, stamps)
            self._commit(history, purged, loaded, len(stamps), keeps=keeps)
            if moves_to is not None:
                state.last_load_timestamp = hour(moves_to)
                state.save()
            rebuild(loader_code=self.loader.loader_code, window=hours(first, last))
        return history

    def fail(self, first: float, last: float) -> LoadHistory:
        """A run that fails."""
        with transaction.atomic():
            LoaderState.objects.select_for_update(no_key=True).get(pk=self.loader.pk)
            history = self._history(hours(first, last), Trigger.SCHEDULE, keeps=False)
            update_coverage(
                loader_code=self.loader.loader_code,
                window=history.window,
                outcome=Outcome.FAILURE,
                load_history_id=history.pk,
            )
            self._end(history, RunStatus.FAILED)
        return history

    def lose(self, stamps: Iterable[float]) -> int:
        """Delete rows of these hours behind the product's back; how many."""
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM signals.signals_history WHERE loader_code = %s "
                "AND load_time_stamp = ANY(%s)",
                [self.loader.loader_code, [hour(stamp) for stamp in stamps]],
            )
            return int(cursor.rowcount)

    def standing(self) -> list[float]:
        """The hours of what stands, with repetitions."""
        found = rows(
            "SELECT extract(epoch FROM load_time_stamp - %s) / 3600 FROM signals.signals_history "
            "WHERE loader_code = %s ORDER BY 1",
            [START, self.loader.loader_code],
        )
        return [float(stamp) for (stamp,) in found]

    # --- parts of a run -------------------------------------------------------------------------

    def _history(self, window: Window, trigger: Trigger, *, keeps: bool) -> LoadHistory:
        return LoadHistory.objects.create(
            loader=self.loader,
            version=self.version,
            trigger=trigger,
            purge_strategy=_KEEP if keeps else PurgeStrategy.PURGE_AND_RELOAD,
            source_db_code="SHOP",
            start_time=database_now(),
            query_from_time=window.start,
            query_to_time=window.end,
        )

    def _purge(self, first: float, last: float) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM signals.signals_history WHERE loader_code = %s "
                "AND load_time_stamp >= %s AND load_time_stamp < %s",
                [self.loader.loader_code, hour(first), hour(last)],
            )
            return int(cursor.rowcount)

    def _write(self, run: UUID, stamps: Sequence[float]) -> int:
        keys = [(hour(stamp), UUID(int=stamps[:n].count(stamp))) for n, stamp in enumerate(stamps)]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO signals.signals_history (loader_code, load_time_stamp, segment_code, "
                "load_history_id) SELECT %s, at, segment, %s "
                "FROM unnest(%s::timestamptz[], %s::uuid[]) AS r (at, segment) "
                "ON CONFLICT DO NOTHING",
                [self.loader.loader_code, run, [k[0] for k in keys], [k[1] for k in keys]],
            )
            return int(cursor.rowcount)

    def _commit(
        self, history: LoadHistory, purged: int, loaded: int, read: int, *, keeps: bool
    ) -> None:
        confirmed = history.trigger == Trigger.BACKFILL
        nothing = Outcome.NO_ROWS_CONFIRMED if confirmed else Outcome.NO_ROWS
        update_coverage(
            loader_code=self.loader.loader_code,
            window=history.window,
            outcome=Outcome.ROWS if read else nothing,
            load_history_id=history.pk,
            rec_count=loaded,
            purged=purged,
            cleared=not keeps,
        )
        history.records_read, history.records_loaded = read, loaded
        history.records_purged = purged
        self._end(history, RunStatus.SUCCESS)

    def _end(self, history: LoadHistory, status: RunStatus) -> None:
        history.status = status
        history.end_time = database_now()
        history.save()
