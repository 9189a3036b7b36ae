"""Runs that must not succeed: nothing of them is visible, and the history says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from core.clock import ClockTimestamp
from execution import engine
from execution.models import CoverageInterval, LoadHistory, RunStatus
from execution.models.lock import LoaderExecutionLock
from execution.services import request_cancel
from loaders.models import LoaderState
from loaders.services import disable
from signals import writer
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of, order_sql
from tests.support.target import signals

pytestmark = pytest.mark.usefixtures("committed_db")

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """The same test on both kinds of source."""
    found: SourceServer = request.getfixturevalue(request.param)
    return found


def time_taken(history: LoadHistory) -> timedelta:
    assert history.end_time is not None
    assert history.claimed_at is not None
    return history.end_time - history.claimed_at


@pytest.mark.parametrize(
    ("column", "code", "says"),
    [
        ("NULL AS LOAD_TIME_STAMP", "ROW_REJECTED", "LOAD_TIME_STAMP is NULL"),
        ("'soon' AS LOAD_TIME_STAMP", "ROW_REJECTED", "LOAD_TIME_STAMP is not a time"),
        ("'2020-01-01' AS LOAD_TIME_STAMP", "ROW_REJECTED", "outside the window"),
        ("MAX('many') AS MAX_VAL", "ROW_REJECTED", "MAX_VAL is not a number"),
        ("SUM(amount) / 2 AS REC_COUNT", "ROW_REJECTED", "REC_COUNT is not a whole number"),
        ("MAX('1e-999') AS MAX_VAL", "ROW_REJECTED", "does not fit"),
    ],
)
def test_a_broken_row_fails_the_run_naming_column_and_kind_but_never_the_data(
    source: SourceServer, column: str, code: str, says: str
) -> None:
    name = column.rsplit(" ", 1)[1]
    lines = order_sql(source.db_type)
    start = {
        "LOAD_TIME_STAMP": lines.index("SELECT ") + 7,
        "MAX_VAL": lines.index("MAX(amount)"),
        "REC_COUNT": lines.index("COUNT(*)"),
    }[name]
    end = lines.index(f"AS {name}") + len(f"AS {name}")
    scene = Scene(source, loader_sql=lines[:start] + column + lines[end:])
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, code), history.error_message
    assert says in history.error_message
    assert "many" not in history.error_message
    assert "soon" not in history.error_message
    assert signals() == []


def test_a_result_with_the_same_key_twice_fails_the_run(source: SourceServer) -> None:
    by_minute = {"POSTGRESQL": "date_trunc('minute', at)", "MYSQL": "MINUTE(at)"}[source.db_type]
    scene = Scene(source, loader_sql=order_sql(source.db_type) + f", {by_minute}")
    add_orders(source, (START, "Riyadh", "web", 1.0), (START + MINUTE, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "DUPLICATE_KEY")
    assert signals() == []


def test_a_source_error_is_kept_encrypted_and_told_in_our_words(source: SourceServer) -> None:
    scene = Scene(source)
    source.execute("DROP TABLE orders")
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "SOURCE_SQL_FAILED")
    assert "orders" not in history.error_message
    assert "orders" in history.source_error
    with connection.cursor() as cursor:
        cursor.execute("SELECT source_error, stack_trace FROM load_history")
        assert all(text.startswith("lp1:") for text in cursor.fetchone())


def test_a_wrong_password_fails_the_run_without_showing_it(source: SourceServer) -> None:
    scene = Scene(source)
    scene.source.password = "planted-wrong-password"
    scene.source.save()
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "SOURCE_AUTH_FAILED")
    shown = history.error_message + (history.source_error or "") + (history.stack_trace or "")
    assert "planted-wrong-password" not in shown


def test_a_cancelled_run_stops_rolls_back_and_is_not_counted_as_failure(
    source: SourceServer,
) -> None:
    scene = Scene(source)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    _make_slow(source)
    request_cancel(user=scene.people.operator, execution=history)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.CANCELLED, "CANCELLED")
    assert time_taken(history) < timedelta(seconds=5)
    assert signals() == []
    assert LoaderState.objects.get(pk=scene.loader.pk).consecutive_failures == 0


def test_a_run_over_its_timeout_stops_the_query_and_fails(source: SourceServer) -> None:
    scene = Scene(source, execution_timeout_seconds=1)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    _make_slow(source)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert history.status == RunStatus.FAILED
    assert history.error_code in {"SOURCE_TIMEOUT", "EXECUTION_TIMEOUT"}
    assert time_taken(history) < timedelta(seconds=5)


def test_a_run_that_lost_its_lock_can_not_commit(
    source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(source)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    seen: list[int] = []

    def reaped_meanwhile(*args: Any, **kwargs: Any) -> Any:
        """The lock is released by somebody else while the rows are being written."""
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("UPDATE loader_execution_lock SET released = true")
        other.close()
        written = engine_write(*args, **kwargs)
        seen.append(written.loaded)
        return written

    engine_write = writer.write
    monkeypatch.setattr(engine, "write", reaped_meanwhile)
    engine.run(lock_id_of(history))
    assert seen == [1]
    assert signals() == []
    assert LoaderState.objects.get(pk=scene.loader.pk).last_load_timestamp is None


def test_a_window_is_claimed_once(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    engine.run(lock_id_of(history))
    assert LoadHistory.objects.count() == 1
    assert len(signals()) == 1


def test_a_loader_disabled_after_dispatch_is_called_off_at_claim(source: SourceServer) -> None:
    scene = Scene(source)
    history = scene.dispatch()
    disable(user=scene.people.operator, loader=scene.loader)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.CANCELLED, "LOADER_DISABLED")
    assert not CoverageInterval.objects.exists()


@pytest.mark.parametrize("change", ["max_query_period_seconds = 60", "end_at = NULL"])
def test_a_row_altered_behind_the_portals_back_is_refused_at_claim_and_audited(
    postgres_source: SourceServer, change: str
) -> None:
    scene = Scene(postgres_source)
    history = scene.dispatch()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE loader SET {change}")
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "DEFINITION_TAMPERED")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event WHERE action = 'loader.refused'")
        assert cursor.fetchone() == (1,)


def test_a_defect_of_ours_is_recorded_and_the_lock_released(
    postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(postgres_source)
    history = scene.dispatch()
    monkeypatch.setattr(engine, "purge", lambda **_: 1 / 0)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "INTERNAL_ERROR")
    assert "ZeroDivisionError" in history.stack_trace
    assert not LoaderExecutionLock.objects.active().exists()


def test_the_watermark_never_overtakes_one_that_was_moved_during_the_run(
    postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    moved_to = START - 24 * HOUR
    real = writer.purge

    def move_then_purge(**arguments: Any) -> Any:
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("UPDATE loader_state SET last_load_timestamp = %s", [moved_to])
        other.close()
        return real(**arguments)

    monkeypatch.setattr(engine, "purge", move_then_purge)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.CANCELLED, "WATERMARK_MOVED")
    assert LoaderState.objects.get(pk=scene.loader.pk).last_load_timestamp == moved_to


def test_a_lease_is_renewed_while_a_run_goes_on(
    postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.LEASE = timedelta(seconds=6)
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    real = writer.write
    leases: list[Any] = []

    def slow_write(**arguments: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(3)")
        held = LoaderExecutionLock.objects.annotate(now=ClockTimestamp()).get()
        leases.append((held.claimed_at, held.lease_until))
        return real(**arguments)

    monkeypatch.setattr(engine, "write", slow_write)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert history.status == RunStatus.SUCCESS, history.error_message
    ((claimed_at, lease_until),) = leases
    assert lease_until > claimed_at + timedelta(seconds=7)


def _make_slow(source: SourceServer) -> None:
    """Let the source take half a minute over the loader's statement."""
    source.execute("DROP TABLE orders")
    columns = (
        "timestamp '2026-01-01' AS at, 'Riyadh'::text AS region, 'web'::text AS channel, "
        "1.0::float8 AS amount FROM pg_sleep(30)"
        if source.db_type == "POSTGRESQL"
        else "CAST('2026-01-01 00:00:00' AS datetime) AS at, 'Riyadh' AS region, 'web' AS channel, "
        "1.0 + SLEEP(30) AS amount"
    )
    source.execute(f"CREATE VIEW orders AS SELECT {columns}")
