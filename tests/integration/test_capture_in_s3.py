"""Captures in an object store, through pyarrow's own S3 client over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import BufferReader, fs

from execution.capture.names import part_of
from execution.capture.parquet import Capture
from execution.capture.place import Place
from execution.exceptions import CaptureFailedError
from execution.maintenance.jobs import settle_captures
from execution.models import RunStatus
from loaderportal.capture_url import capture_url
from signals.rows import Row
from tests.servers import SourceServer
from tests.servers.object_store import ObjectStore
from tests.support.scenes import START, Scene, add_orders
from tests.unit.test_capture import ORIGIN, PATH, keep

ROWS: list[list[Row]] = [
    [(b"%d" % n, None) for n in range(start, start + 1000)] for start in range(0, 5000, 1000)
]


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as store:
        yield store


def place_of(store: ObjectStore) -> Place:
    files, root = fs.FileSystem.from_uri(capture_url(store.url("raw/rows")))
    return Place(files, root)


def files_of(store: ObjectStore) -> list[str]:
    """The keys; those that end in a slash are marks that the client leaves for folders."""
    return [key for key in store.objects if not key.endswith("/")]


def test_a_capture_is_written_finished_found_and_deleted(store: ObjectStore) -> None:
    place = place_of(store)
    facts = keep(place, ("A", "B"), *ROWS)
    assert files_of(store) == [f"raw/rows/{PATH}"]
    data = store.objects[f"raw/rows/{PATH}"]
    assert facts == {"path": PATH, "rows": 5000, "bytes": len(data)}
    table = pq.read_table(BufferReader(data))
    assert table.column("A").to_pylist() == [str(n) for n in range(5000)]
    assert table.column("B").null_count == 5000
    (month,) = place.months()
    assert [found.path for found in place.files(month)] == [PATH]
    place.delete(PATH)
    place.delete(PATH)
    assert files_of(store) == []


def test_before_the_commit_there_is_a_whole_part_and_no_other_object(store: ObjectStore) -> None:
    with Capture(place_of(store), ORIGIN) as capture:
        list(capture.tee(("A", "B"), ROWS))
        assert files_of(store) == []
        capture.complete()
        assert files_of(store) == [f"raw/rows/{part_of(PATH)}"]
        assert pq.read_table(BufferReader(next(iter(store.objects.values())))).num_rows == 5000


def test_a_run_ends_before_its_object_has_its_name_and_upkeep_gives_it(
    committed_db: None,
    postgres_source: SourceServer,
    store: ObjectStore,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.RAW_CAPTURE_URL = store.url("raw")
    scene = Scene(postgres_source, raw_capture=True)
    add_orders(postgres_source, (START, "الرياض", "web", 1.5))
    with monkeypatch.context() as patch:
        patch.setattr(Capture, "_finish", lambda _: None)
        history = scene.run()
    assert history.status == RunStatus.SUCCESS, history.error_message
    assert history.capture is not None
    path = f"raw/{history.capture['path']}"
    assert files_of(store) == [f"{path}.part"]
    assert settle_captures() == 1
    assert files_of(store) == [path]
    table = pq.read_table(BufferReader(store.objects[path]))
    assert table.column(1).to_pylist() == ["الرياض"]
    assert settle_captures() == 0
    settings.RAW_CAPTURE_RETENTION = timedelta(seconds=-60)
    assert settle_captures() == 1
    assert files_of(store) == []


def test_a_run_that_fails_leaves_nothing(store: ObjectStore) -> None:
    def fail_after(capture: Capture) -> None:
        with capture:
            list(capture.tee(("A", "B"), ROWS))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after(Capture(place_of(store), ORIGIN))
    assert files_of(store) == []


def test_a_store_that_refuses_fails_the_capture_without_telling_its_key(
    store: ObjectStore,
) -> None:
    store.is_full = True
    with pytest.raises(CaptureFailedError) as caught:
        keep(place_of(store), ("A", "B"), *ROWS)
    assert "secret" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message
    assert files_of(store) == []
