"""Signals as Parquet: a row group every so many batches, each sent as soon as it is made."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from signals.export.rows import COLUMNS, VALUE_NAMES, Batch

MEDIA_TYPE = "application/vnd.apache.parquet"
GROUP_BATCHES = 10


def _type_of(name: str) -> Any:
    if name == "load_time_stamp":
        return pa.timestamp("us", tz="UTC")
    if name in VALUE_NAMES:
        return pa.int64() if name.endswith("_count") else pa.float64()
    return pa.string()


SCHEMA = pa.schema([(name, _type_of(name)) for name in COLUMNS])


def write_parquet(loader_code: str, batches: Iterable[Batch]) -> Generator[bytes]:
    """The file, piece by piece; the last one makes it readable."""
    file = _Pieces()
    writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
    waiting: list[Any] = []
    is_whole = False
    try:
        for batch in batches:
            waiting.append(_columns_of(loader_code, batch))
            if len(waiting) == GROUP_BATCHES:
                writer.write_table(pa.Table.from_batches(waiting, SCHEMA))
                waiting = []
                yield file.taken()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, SCHEMA))
        is_whole = True
    finally:
        if not is_whole:
            writer.is_open = False  # else its finalizer tries to write the end of the file
    writer.close()
    yield file.taken()


def _columns_of(loader_code: str, batch: Batch) -> Any:
    stamps, codes, *values, runs = zip(*batch.rows, strict=True)
    texts = zip(*[batch.names[code] for code in codes], strict=True)
    columns = [[loader_code] * len(codes), stamps, codes, *texts, *values, runs]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


class _Pieces(io.RawIOBase):
    """A file that is taken away as it is written."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._taken = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._content += content
        return len(content)

    def tell(self) -> int:
        return self._taken + len(self._content)

    def taken(self) -> bytes:
        """What was written since the last call."""
        piece = bytes(self._content)
        self._taken += len(piece)
        self._content.clear()
        return piece
