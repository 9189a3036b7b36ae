"""Raw rows of real runs: a file stands for each run that counts, and for no other."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from django.db import OperationalError, connection, connections

from core.clock import database_now
from core.ids import uuid7
from execution import engine
from execution.capture.parquet import Capture
from execution.capture.place import Folder
from execution.exceptions import CaptureFailedError
from execution.maintenance.jobs import settle_captures
from execution.models import LoadHistory, RunStatus
from execution.services import request_cancel
from loaderportal.retention import retained
from loaders.exceptions import ValidationFailedError
from loaders.models import LoaderState
from loaders.services import submit, update_loader
from signals import writer
from tests.servers import SourceServer
from tests.support.scenes import HOUR, START, Scene, add_orders, lock_id_of, order_sql
from tests.support.target import signals

pytestmark = pytest.mark.usefixtures("committed_db")

COLUMNS = 17


@pytest.fixture(params=["postgres_source", "mariadb_source"])
def source(request: pytest.FixtureRequest) -> SourceServer:
    """The same test on both kinds of source."""
    found: SourceServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def place(tmp_path: Path, settings: Any) -> Path:
    """The configured place, not made yet."""
    settings.RAW_CAPTURE_URL = str(tmp_path / "raw")
    return tmp_path / "raw"


def files(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def capturing(source: SourceServer, **values: Any) -> Scene:
    scene = Scene(source, raw_capture=True, **values)
    add_orders(source, (START, "الرياض", "web", 1.5), (START + HOUR, "Jeddah", "", None))
    return scene


def failed_with(history: LoadHistory, code: str) -> bool:
    """Whether the run failed so, and nothing of it can be seen."""
    assert (history.status, history.error_code) == (RunStatus.FAILED, code)
    return signals() == [] and history.capture is None


def test_the_rows_of_a_run_are_kept_as_they_were_sent(source: SourceServer, place: Path) -> None:
    history = capturing(source).run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    path = f"ORDERS_HOURLY/2026/01/{history.pk}.parquet"
    assert files(place) == [path]
    size = (place / path).stat().st_size
    assert history.capture == {"path": path, "rows": 2, "bytes": size}
    assert set(history.metadata["phases"]) == {"connect", "purge", "load", "rollup", "capture"}
    table = pq.read_table(place / path)
    assert table.num_columns == COLUMNS
    assert {row["segment_1"]: (row["segment_2"], row["sum_val"]) for row in lower(table)} == {
        "الرياض": ("web", "1.5"),
        "Jeddah": ("", None),
    }
    assert table.schema.metadata[b"execution_id"].decode() == str(history.pk)
    assert table.schema.metadata[b"version"] == b"1"
    assert table.schema.metadata[b"window_to"].decode() == history.window.end.isoformat()
    assert b"SELECT" not in (place / path).read_bytes()


def lower(table: Any) -> list[dict[str, str | None]]:
    """The rows by lower-case column: PostgreSQL tells names so, MariaDB as they were written."""
    return [{name.lower(): cell for name, cell in row.items()} for row in table.to_pylist()]


def test_a_run_without_raw_capture_keeps_nothing(
    postgres_source: SourceServer, place: Path
) -> None:
    history = Scene(postgres_source).run()
    assert (history.status, history.capture) == (RunStatus.SUCCESS, None)
    assert not place.exists()


def test_a_run_that_fails_at_its_last_row_keeps_nothing(source: SourceServer, place: Path) -> None:
    broken = order_sql(source.db_type).replace("MAX(amount)", "MAX('many')")
    scene = capturing(source, loader_sql=broken)
    assert failed_with(scene.run(), "ROW_REJECTED")
    assert files(place) == []


def test_a_cancelled_run_keeps_nothing(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = capturing(postgres_source)
    history = scene.dispatch()
    complete = Capture.complete

    def cancel_then_complete(capture: Capture) -> Any:
        request_cancel(user=scene.people.operator, execution=history)
        return complete(capture)

    monkeypatch.setattr(Capture, "complete", cancel_then_complete)
    scene.execute(history)
    assert history.status == RunStatus.CANCELLED
    assert (signals(), files(place)) == ([], [])


def test_a_run_that_lost_its_lock_keeps_nothing(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = capturing(postgres_source)
    history = scene.dispatch()
    real = writer.write

    def reaped_meanwhile(**arguments: Any) -> Any:
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("UPDATE loader_execution_lock SET released = true")
        other.close()
        return real(**arguments)

    monkeypatch.setattr(engine, "write", reaped_meanwhile)
    engine.run(lock_id_of(history))
    assert (signals(), files(place)) == ([], [])


def test_of_a_window_that_was_halved_only_the_committed_rows_are_kept(
    postgres_source: SourceServer, place: Path
) -> None:
    scene = Scene(postgres_source, raw_capture=True, row_cap=2, lateness_seconds=1)
    add_orders(
        postgres_source,
        *((START + hour * HOUR, f"region {hour}", "web", 1.0) for hour in range(6)),
    )
    history = scene.run()
    assert history.status == RunStatus.PARTIAL
    assert history.capture is not None
    assert history.capture["rows"] == history.records_read == len(signals())
    (path,) = files(place)
    table = pq.read_table(place / path)
    kept = sorted(str(row["segment_1"]) for row in lower(table))
    assert kept == [signal[1] for signal in signals()]
    assert table.schema.metadata[b"window_to"].decode() == history.query_to_time.isoformat()


# --- a place that can't be written ----------------------------------------------------------------


def test_a_place_that_can_not_be_written_fails_the_run_before_the_source_is_asked(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write_text("a file stands where the folder should")
    scene = capturing(postgres_source)
    monkeypatch.setattr(engine, "statement_of", lambda *_: pytest.fail("the source was asked"))
    history = scene.run()
    assert failed_with(history, "CAPTURE_FAILED")
    assert history.error_message.startswith("The run's raw rows could not be kept (File exists)")
    assert str(place) not in history.error_message + history.stack_trace
    state = LoaderState.objects.get()
    assert state.next_due_at is not None
    assert state.next_due_at - database_now() < timedelta(seconds=20)


def test_a_disk_that_fills_up_half_way_fails_the_run(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = capturing(postgres_source)

    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the capture closes it
    monkeypatch.setattr(Folder, "create", lambda *_: full)
    history = scene.run()
    assert failed_with(history, "CAPTURE_FAILED")
    assert "No space left on device" in history.error_message
    assert files(place) == []


def test_without_a_place_raw_capture_can_not_be_submitted(postgres_source: SourceServer) -> None:
    scene = Scene(postgres_source)
    loader = update_loader(
        user=scene.people.operator, loader=scene.loader, values={"raw_capture": True}
    )
    with pytest.raises(ValidationFailedError) as caught:
        submit(user=scene.people.operator, loader=loader)
    (told,) = caught.value.details["errors"]["raw_capture"]
    assert "LOADERPORTAL_RAW_CAPTURE_URL" in told


@pytest.mark.parametrize(
    "url", ["", "s3://key:hidden-password@bucket/p?region=x&endpoint_override=127.0.0.1:1"]
)
def test_a_place_taken_away_after_approval_fails_the_run_and_says_what_to_set(
    postgres_source: SourceServer, place: Path, settings: Any, url: str
) -> None:
    scene = capturing(postgres_source)
    settings.RAW_CAPTURE_URL = url
    history = scene.run()
    assert failed_with(history, "CAPTURE_FAILED")
    assert "LOADERPORTAL_RAW_CAPTURE_URL" in history.error_message
    assert "hidden-password" not in history.error_message + history.stack_trace


# --- a crash between commit and name, and the upkeep ----------------------------------------------


class Killed(BaseException):
    """The worker ends here."""


def die(*_: Any) -> None:
    raise Killed


def test_a_crash_between_commit_and_name_is_settled_by_upkeep(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = capturing(postgres_source)
    history = scene.dispatch()
    with monkeypatch.context() as patch:
        patch.setattr(Capture, "_finish", die)
        with pytest.raises(Killed):
            engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert history.status == RunStatus.SUCCESS
    assert history.capture is not None
    assert files(place) == [history.capture["path"] + ".part"]
    assert settle_captures() == 1
    assert files(place) == [history.capture["path"]]
    assert pq.read_table(place / history.capture["path"]).num_rows == 2
    assert settle_captures() == 0


def test_a_name_that_can_not_be_given_does_not_undo_the_run(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = capturing(postgres_source)
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "_move", refuse)
        history = scene.run()
        assert history.status == RunStatus.SUCCESS
        with pytest.raises(CaptureFailedError, match="1 raw captures could not be looked after"):
            settle_captures()
    assert len(signals()) == 2
    assert settle_captures() == 1
    assert history.capture is not None
    assert files(place) == [history.capture["path"]]


def refuse(*_: Any) -> None:
    raise PermissionError(13, "Permission denied", "/secret/place")


def test_a_commit_of_unknown_end_leaves_the_part_until_the_status_tells(
    postgres_source: SourceServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction has committed, and the answer to that is lost."""
    scene = capturing(postgres_source)
    history = scene.dispatch()
    session: Any = connections["default"]
    commit, hand_over = session._commit, Capture.hand_over
    awaited: list[bool] = []

    def commit_and_lose_the_answer() -> None:
        commit()
        if awaited:
            awaited.clear()
            raise OperationalError("server closed the connection unexpectedly")

    def hand_over_and_await(capture: Capture) -> None:
        hand_over(capture)
        awaited.append(True)

    with monkeypatch.context() as patch:
        patch.setattr(session, "_commit", commit_and_lose_the_answer)
        patch.setattr(Capture, "hand_over", hand_over_and_await)
        engine.run(lock_id_of(history))
    history.refresh_from_db()
    assert history.status == RunStatus.SUCCESS
    assert history.capture is not None
    assert files(place) == [history.capture["path"] + ".part"]
    assert settle_captures() == 1
    assert files(place) == [history.capture["path"]]


@pytest.fixture
def month(place: Path) -> Path:
    """A month's folder of a loader."""
    folder = place / "ORDERS_HOURLY" / "2026" / "01"
    folder.mkdir(parents=True)
    return folder


def plant(month: Path, execution_id: UUID, end: str, age: timedelta) -> str:
    """A file of this age."""
    file = month / f"{execution_id}{end}"
    file.write_bytes(b"1")
    changed = (database_now() - age).timestamp()
    os.utime(file, (changed, changed))
    return file.name


def test_parts_without_a_run_are_deleted_once_no_run_can_be_at_them(
    postgres_source: SourceServer, month: Path, settings: Any
) -> None:
    scene = capturing(postgres_source)
    failed = LoadHistory.objects.get(pk=scene.dispatch().pk)
    LoadHistory.objects.update(status=RunStatus.FAILED)
    old = settings.EXECUTION_TIMEOUT + timedelta(minutes=1)
    plant(month, failed.pk, ".parquet.part", old)
    plant(month, uuid7(), ".parquet.part", old)
    young = plant(month, uuid7(), ".parquet.part", settings.EXECUTION_TIMEOUT / 2)
    assert settle_captures() == 2
    assert [path.name for path in month.iterdir()] == [young]


def test_the_part_of_a_run_that_is_under_way_is_left_alone(
    postgres_source: SourceServer, month: Path
) -> None:
    history = capturing(postgres_source).dispatch()
    running = plant(month, history.pk, ".parquet.part", timedelta(days=400))
    assert settle_captures() == 0
    assert [path.name for path in month.iterdir()] == [running]


def test_a_part_that_its_run_did_not_close_is_never_finished(
    postgres_source: SourceServer, month: Path
) -> None:
    history = capturing(postgres_source).dispatch()
    LoadHistory.objects.update(status=RunStatus.SUCCESS)
    plant(month, history.pk, ".parquet.part", timedelta(days=1))
    assert settle_captures() == 1
    assert list(month.iterdir()) == []


def test_files_past_their_days_are_deleted_and_strange_ones_stay(
    month: Path, settings: Any
) -> None:
    settings.RAW_CAPTURE_RETENTION = timedelta(days=2)
    plant(month, uuid7(), ".parquet", timedelta(days=2, minutes=1))
    kept = [
        plant(month, uuid7(), ".parquet", timedelta(days=1, hours=23)),
        plant(month, uuid7(), ".parquet.bak", timedelta(days=400)),
        plant(month.parent, uuid7(), ".parquet", timedelta(days=400)),
    ]
    (entry,) = [one for one in retained() if one.name == "raw captures"]
    assert entry.count() == 1
    assert settle_captures() == 1
    assert entry.count() == 0
    names = sorted(path.name for path in month.parent.rglob("*") if path.is_file())
    assert names == sorted(kept)


def test_where_nothing_was_captured_there_is_nothing_to_settle(place: Path) -> None:
    assert settle_captures() == 0
    assert not place.exists()
