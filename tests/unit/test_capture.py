"""What a capture keeps, and where: byte for byte, in bounded memory, on any file system."""

from __future__ import annotations

import errno
import stat
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from core.window import Window
from execution.capture.names import capture_path, execution_of, finished_of, part_of
from execution.capture.opening import Origin
from execution.capture.parquet import GROUP_ROWS, Capture
from execution.capture.place import Folder, Place
from execution.exceptions import CaptureFailedError
from signals.rows import Row

START = datetime(2026, 2, 28, 23, tzinfo=UTC)
ID = UUID("0198c0de-0000-7000-8000-000000000001")
ORIGIN = Origin("ORDERS", 3, Window(START, START + timedelta(hours=2)), ID, "SHOP")
PATH = f"ORDERS/2026/02/{ID}.parquet"


def folder(path: Path) -> Folder:
    return Folder(fs.LocalFileSystem(), str(path))


def keep(place: Place, columns: tuple[str, ...], *batches: list[Row]) -> dict[str, Any]:
    with Capture(place, ORIGIN) as capture:
        assert list(capture.tee(columns, batches)) == list(batches)
        facts = capture.complete()
        capture.hand_over()
    return facts


def test_every_cell_comes_back_as_the_source_sent_it(tmp_path: Path) -> None:
    texts = [None, "", "الرياض", "0.10", "-1.50E+3", "99999999999999999999.99", "a\nb\t\\N", "NULL"]
    rows: list[Row] = [(None if text is None else text.encode(), b"1") for text in texts]
    facts = keep(folder(tmp_path), ("segment_1", "SUM_VAL"), rows[:3], rows[3:])
    table = pq.read_table(tmp_path / PATH)
    assert table.column_names == ["segment_1", "SUM_VAL"]
    assert {field.type for field in table.schema} == {pa.string()}
    assert table.column(0).to_pylist() == texts
    assert facts == {"path": PATH, "rows": 8, "bytes": (tmp_path / PATH).stat().st_size}


def test_the_file_says_where_its_rows_come_from(tmp_path: Path) -> None:
    keep(folder(tmp_path), ("A",))
    metadata = pq.read_schema(tmp_path / PATH).metadata
    assert metadata == {
        b"loader_code": b"ORDERS",
        b"version": b"3",
        b"window_from": b"2026-02-28T23:00:00+00:00",
        b"window_to": b"2026-03-01T01:00:00+00:00",
        b"execution_id": str(ID).encode(),
        b"source": b"SHOP",
    }


def test_a_result_without_rows_leaves_a_file_without_rows(tmp_path: Path) -> None:
    assert keep(folder(tmp_path), ("A", "B"))["rows"] == 0
    table = pq.read_table(tmp_path / PATH)
    assert (table.num_rows, table.column_names) == (0, ["A", "B"])


def test_many_rows_pass_in_row_groups_and_bounded_memory(tmp_path: Path) -> None:
    columns = tuple(f"C{n}" for n in range(16))

    def batches() -> Iterator[list[Row]]:
        for start in range(0, 200_000, 1000):
            yield [(b"%d" % (start + n), *[b"some text"] * 15) for n in range(1000)]

    before = pa.total_allocated_bytes()
    most = 0
    tracemalloc.start()
    with Capture(folder(tmp_path), ORIGIN) as capture:
        for _ in capture.tee(columns, batches()):
            most = max(most, pa.total_allocated_bytes() - before)
        assert capture.complete()["rows"] == 200_000
        capture.hand_over()
    most_of_python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 40 * 1024 * 1024
    assert most_of_python < 10 * 1024 * 1024
    file = pq.ParquetFile(tmp_path / PATH)
    assert file.metadata.num_row_groups > 2
    assert file.metadata.row_group(0).num_rows <= GROUP_ROWS + 1000
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    first = [int(text) for text in file.read(["C0"]).column(0).to_pylist()]
    assert first == list(range(200_000))


def test_what_is_made_in_a_folder_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "new" / "place"
    keep(folder(place), ("A",), [(b"1",)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.rglob("*"))}
    assert modes.pop(f"{ID}.parquet") == 0o600
    assert modes == {"place": 0o700, "ORDERS": 0o700, "2026": 0o700, "02": 0o700}


def test_a_link_in_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    part = tmp_path / "place" / part_of(PATH)
    part.parent.mkdir(parents=True)
    part.symlink_to(elsewhere)
    with pytest.raises(CaptureFailedError):
        keep(folder(tmp_path / "place"), ("A",))
    assert not elsewhere.exists()


def test_until_the_run_has_committed_there_is_only_a_whole_part(tmp_path: Path) -> None:
    with Capture(folder(tmp_path), ORIGIN) as capture:
        list(capture.tee(("A",), [[(b"1",)]]))
        capture.complete()
        assert pq.read_table(tmp_path / part_of(PATH)).num_rows == 1
        assert not (tmp_path / PATH).exists()
    assert [path.name for path in tmp_path.rglob("*.parquet*")] == [f"{ID}.parquet"]


def break_off(place: Place, *, hand_over: bool) -> None:
    with Capture(place, ORIGIN) as capture:
        list(capture.tee(("A",), [[(b"1",)]]))
        capture.complete()
        if hand_over:
            capture.hand_over()
        raise ZeroDivisionError


def test_an_error_removes_the_part(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_off(folder(tmp_path), hand_over=False)
    assert not list(tmp_path.rglob("*.parquet*"))


def test_an_error_of_the_commit_itself_leaves_the_part_to_upkeep(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        break_off(folder(tmp_path), hand_over=True)
    assert [path.name for path in tmp_path.rglob("*.parquet*")] == [f"{ID}.parquet.part"]


class FullDisk(Folder):
    """A folder whose disk is full after some bytes."""

    def create(self, path: str) -> IO[bytes]:
        stream = super().create(path)
        return FullStream(stream)  # type: ignore[return-value]


class FullStream:
    """A file that takes 64 bytes."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._room = 64

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device", "/secret/place")
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self.closed = True
        self._stream.close()

    def tell(self) -> int:
        return self._stream.tell()


@pytest.mark.parametrize("rows", [1, 70_000])
def test_a_disk_that_fills_up_fails_the_capture_without_naming_the_place(
    tmp_path: Path, rows: int
) -> None:
    place = FullDisk(fs.LocalFileSystem(), str(tmp_path))
    with pytest.raises(CaptureFailedError, match="No space left on device") as caught:
        keep(place, ("A",), [(b"%d" % n,) for n in range(rows)])
    assert "secret" not in caught.value.message
    assert caught.value.__suppress_context__
    assert not list(tmp_path.rglob("*.parquet*"))


def test_a_file_system_of_pyarrow_holds_captures_too() -> None:
    files = fs._MockFileSystem()
    place = Place(files, "bucket/prefix/")
    facts = keep(place, ("A",), [(b"1",), (None,)])
    table = pq.read_table(f"bucket/prefix/{PATH}", filesystem=files)
    assert table.column(0).to_pylist() == ["1", None]
    assert list(place.months()) == ["ORDERS/2026/02"]
    ((found),) = place.files("ORDERS/2026/02")
    assert (found.path, facts["rows"]) == (PATH, 2)
    place.delete(PATH)
    place.delete(PATH)
    assert not place.holds(PATH)


def test_run_and_upkeep_may_both_finish_a_part(tmp_path: Path) -> None:
    place = folder(tmp_path)
    part = tmp_path / part_of(PATH)
    part.parent.mkdir(parents=True)
    part.write_bytes(b"1")
    place.finish(part_of(PATH), PATH)
    place.finish(part_of(PATH), PATH)
    place.delete(PATH)
    with pytest.raises(FileNotFoundError):
        place.finish(part_of(PATH), PATH)


def test_a_name_tells_its_execution_and_nothing_else_is_a_capture() -> None:
    assert capture_path("ORDERS", START, ID) == PATH
    assert finished_of(part_of(PATH)) == PATH
    assert execution_of(f"{ID}.parquet") == (ID, False)
    assert execution_of(f"{ID}.parquet.part") == (ID, True)
    for name in ("notes.txt", "a.parquet", f"{ID}.parquet.bak", f"{ID}.part", f"x{ID}.parquet"):
        assert execution_of(name) is None
