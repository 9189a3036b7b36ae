"""One run after the other over real sources."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from execution import engine
from execution.exceptions import LockLostError
from execution.models import CoverageInterval, LoadHistory, RunStatus, Trigger
from execution.models.lock import ClockTimestamp, LoaderExecutionLock
from execution.services import dispatch, request_cancel
from execution.windows import NotDue, NotDueReason
from loaders.models import Loader, LoaderState
from loaders.policies import PurgeStrategy, WatermarkPolicy
from loaders.services import disable
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of, order_sql

pytestmark = pytest.mark.usefixtures("committed_db")

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """The same test on both kinds of source."""
    found: SourceServer = request.getfixturevalue(request.param)
    return found


def signals(loader_code: str = "ORDERS_HOURLY") -> list[tuple[Any, ...]]:
    """What stands in the target, by SQL of the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.load_time_stamp, c.segment_1, c.segment_2, s.rec_count, s.value_count, "
            "s.sum_val FROM signals.signals_history s JOIN signals.segment_combination c "
            "USING (segment_code) WHERE s.loader_code = %s ORDER BY 1, 2, 3",
            [loader_code],
        )
        return list(cursor.fetchall())


def plant(loader_code: str, hours: float) -> None:
    """A signal of unknown origin in the target."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT signals.ensure_partition(%s)", [START])
        cursor.execute(
            "INSERT INTO signals.segment_combination VALUES ('00000000-0000-8000-8000-000000000000'"
            f"{', %s' * 10}) ON CONFLICT DO NOTHING",
            ["planted", *[""] * 9],
        )
        cursor.execute(
            "INSERT INTO signals.signals_history (loader_code, load_time_stamp, segment_code, "
            "rec_count, load_history_id) VALUES (%s, %s, '00000000-0000-8000-8000-000000000000', "
            "7, '00000000-0000-7000-8000-000000000000')",
            [loader_code, START + hours * HOUR],
        )


def test_a_window_is_loaded_with_its_segments_counts_and_watermark(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(
        source,
        (START + 5 * MINUTE, "Riyadh", "web", 10.0),
        (START + 55 * MINUTE, "Riyadh", "web", None),
        (START + 2 * HOUR, "جدة", "app", 2.5),
        (START + 6 * HOUR, "Riyadh", "web", 99.0),
    )
    history = scene.run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    assert signals() == [
        (START, "Riyadh", "web", 2, 1, 10.0),
        (START + 2 * HOUR, "جدة", "app", 1, 1, 2.5),
    ]
    assert (history.records_read, history.records_loaded, history.records_purged) == (2, 2, 0)
    assert (history.actual_from_time, history.actual_to_time) == (START, START + 2 * HOUR)
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert state.last_load_timestamp == START + 2 * HOUR
    assert state.load_status == "IDLE"
    assert not LoaderExecutionLock.objects.active().exists()


def test_a_day_is_caught_up_window_by_window_and_equals_the_source(source: SourceServer) -> None:
    scene = Scene(source)
    for hour in range(24):
        for minute in (0, 20, 59):
            add_orders(source, (START + hour * HOUR + minute * MINUTE, "Riyadh", "web", 1.0 * hour))
    runs = 0
    while isinstance(
        outcome := dispatch(loader_id=scene.loader.pk, trigger=Trigger.SCHEDULE), LoadHistory
    ):
        engine.run(lock_id_of(outcome))
        runs += 1
        assert runs < 10
    assert outcome == NotDue(NotDueReason.ENDED)
    assert [(row[0], row[3], row[5]) for row in signals()] == [
        (START + hour * HOUR, 3, 3.0 * hour) for hour in range(24)
    ]
    covered = CoverageInterval.objects.get(loader="ORDERS_HOURLY")
    assert (covered.range_from, covered.range_to) == (START, START + 24 * HOUR)
    assert (covered.state, covered.rec_count) == ("LOADED", 24)
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert (state.last_load_timestamp, state.next_due_at) == (START + 24 * HOUR, None)


def test_a_quiet_stretch_moves_the_watermark_and_stays_unverified(source: SourceServer) -> None:
    scene = Scene(source)
    history = scene.run()
    assert (history.status, history.records_loaded) == (RunStatus.SUCCESS, 0)
    assert history.actual_from_time is None
    assert CoverageInterval.objects.get().state == "UNVERIFIED"
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert state.last_load_timestamp == START + 6 * HOUR


def test_rows_read_again_at_the_watermark_replace_their_predecessors(source: SourceServer) -> None:
    scene = Scene(source)
    add_orders(source, (START + 3 * HOUR, "Riyadh", "web", 1.0))
    scene.run()
    add_orders(source, (START + 3 * HOUR + MINUTE, "Riyadh", "web", 5.0))
    history = scene.run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    assert signals() == [(START + 3 * HOUR, "Riyadh", "web", 2, 2, 6.0)]
    assert history.records_purged == 1


def test_fail_on_duplicate_fails_says_how_many_and_shows_nothing(source: SourceServer) -> None:
    scene = Scene(source)
    plant("ORDERS_HOURLY", 1)
    plant("ORDERS_HOURLY", 2)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "DUPLICATE_DATA")
    assert "2 signals already stand" in history.error_message
    assert [row[1] for row in signals()] == ["planted", "planted"]
    assert CoverageInterval.objects.get().state == "FAILED"
    state = LoaderState.objects.get(pk=scene.loader.pk)
    assert (state.load_status, state.consecutive_failures) == ("FAILED", 1)
    assert state.last_load_timestamp is None


def test_purge_and_reload_replaces_the_window_of_this_loader_and_nothing_else(
    source: SourceServer,
) -> None:
    scene = Scene(source, purge_strategy=PurgeStrategy.PURGE_AND_RELOAD)
    plant("ORDERS_HOURLY", 0)
    plant("ORDERS_HOURLY", 5.75)
    plant("ORDERS_HOURLY", 6)
    plant("ANOTHER_LOADER", 1)
    add_orders(source, (START, "Riyadh", "web", 1.0))
    history = scene.run()
    assert (history.status, history.records_purged) == (RunStatus.SUCCESS, 2)
    assert [(row[0], row[1]) for row in signals()] == [
        (START, "Riyadh"),
        (START + 6 * HOUR, "planted"),
    ]
    assert len(signals("ANOTHER_LOADER")) == 1


def test_skip_duplicates_leaves_standing_rows_and_adds_the_others(source: SourceServer) -> None:
    scene = Scene(
        source,
        purge_strategy=PurgeStrategy.SKIP_DUPLICATES,
        watermark_policy=WatermarkPolicy.WINDOW_END,
    )
    add_orders(source, (START, "Riyadh", "web", 1.0), (START + HOUR, "Riyadh", "web", 2.0))
    scene.run()
    LoaderState.objects.update(last_load_timestamp=None)
    add_orders(source, (START, "Riyadh", "web", 5.0), (START + 2 * HOUR, "Riyadh", "web", 3.0))
    history = scene.run()
    assert (history.records_read, history.records_loaded) == (3, 1)
    assert [row[5] for row in signals()] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("column", "code", "says"),
    [
        ("NULL AS LOAD_TIME_STAMP", "ROW_REJECTED", "LOAD_TIME_STAMP is NULL"),
        ("'soon' AS LOAD_TIME_STAMP", "ROW_REJECTED", "LOAD_TIME_STAMP is not a time"),
        ("'2020-01-01' AS LOAD_TIME_STAMP", "ROW_REJECTED", "outside the window"),
        ("MAX('many') AS MAX_VAL", "ROW_REJECTED", "MAX_VAL is not a number"),
        ("SUM(amount) / 2 AS REC_COUNT", "ROW_REJECTED", "REC_COUNT is not a whole number"),
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
    assert (history.end_time - history.claimed_at) < timedelta(seconds=5)
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
    assert (history.end_time - history.claimed_at) < timedelta(seconds=5)


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

    engine_write = engine.write
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
    real = engine.purge

    def move_then_purge(**arguments: Any) -> int:
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("UPDATE loader_state SET last_load_timestamp = %s", [moved_to])
        other.close()
        return real(**arguments)

    monkeypatch.setattr(engine, "purge", move_then_purge)
    engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "WATERMARK_MOVED")
    assert LoaderState.objects.get(pk=scene.loader.pk).last_load_timestamp == moved_to


def test_a_lease_is_renewed_while_a_run_goes_on(
    postgres_source: SourceServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.LEASE = timedelta(seconds=6)
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0))
    history = scene.dispatch()
    real = engine.write
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


def test_lock_lost_is_no_failure_of_the_loader() -> None:
    assert LockLostError.code == "LOCK_LOST"
    assert not Loader.objects.exists()


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
