"""One run's rows as a Parquet file: every cell as the text that the source sent, NULL as NULL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from execution.capture.names import capture_path, part_of
from execution.capture.opening import Facts, Origin
from execution.capture.place import Place, reason_of
from execution.exceptions import CaptureFailedError
from signals.rows import Row

logger = structlog.get_logger(__name__)

GROUP_BYTES = 8 * 1024 * 1024
GROUP_ROWS = 65_536
"""A row group ends near either, so that a run of any size captures in bounded memory."""


class Capture:
    """The capture of one run: a part file until the run has committed.

    Enter it before the run's transaction and leave it after: `complete` makes the part whole and
    durable before the commit, so that whatever commits can be finished, here or by upkeep. Raises
    CaptureFailedError where the place can't be written.
    """

    def __init__(self, place: Place, origin: Origin) -> None:
        self._place = place
        self._path = capture_path(origin.loader_code, origin.window.start, origin.execution_id)
        self._part = part_of(self._path)
        self._facts = _file_facts(origin)
        self._names = {
            "loader_code": origin.loader_code,
            "execution_id": str(origin.execution_id),
        }
        self._stream: IO[bytes] | None = None
        self._writer: Any = None
        self._schema: Any = None
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows = 0
        self._may_be_committed = False

    def __enter__(self) -> Self:
        with _as_capture_failure():
            self._stream = self._place.create(self._part)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        elif not self._may_be_committed:
            self._abandon()

    def tee(self, columns: tuple[str, ...], batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The same batches, each kept on its way. `columns` are the result's, in its order."""
        self._schema = pa.schema([(name, pa.string()) for name in columns], metadata=self._facts)
        with _as_capture_failure():
            self._writer = pq.ParquetWriter(self._stream, self._schema, compression="zstd")
        for batch in batches:
            self._keep(batch)
            yield batch

    def complete(self) -> Facts:
        """Write what is left and close the file durably; where it will stand and what it holds."""
        with _as_capture_failure():
            self._write_group()
            self._writer.close()
            assert self._stream is not None
            size = self._stream.tell()
            self._place.close_durably(self._stream, self._part)
        return {"path": self._path, "rows": self._rows, "bytes": size}

    def hand_over(self) -> None:
        """The transaction commits next. An error from here on may mean that it did, so the part
        stays and upkeep settles it by the execution's status."""
        self._may_be_committed = True

    def _keep(self, batch: list[Row]) -> None:
        cells = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
        kept = pa.record_batch(cells, schema=self._schema)
        self._waiting.append(kept)
        self._waiting_rows += kept.num_rows
        self._waiting_bytes += kept.nbytes
        self._rows += kept.num_rows
        if self._waiting_bytes >= GROUP_BYTES or self._waiting_rows >= GROUP_ROWS:
            with _as_capture_failure():
                self._write_group()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []
        self._waiting_rows = self._waiting_bytes = 0

    def _finish(self) -> None:
        """Give the file its name. The run has committed: what goes wrong now is upkeep's."""
        try:
            self._place.finish(self._part, self._path)
        except OSError as error:
            logger.warning("capture.not_finished", reason=reason_of(error), **self._names)

    def _abandon(self) -> None:
        """Remove the part of a run that came to nothing; what goes wrong is upkeep's."""
        if self._writer is not None:
            self._writer.is_open = False  # else its finalizer tries to write the end of the file
        try:
            if self._stream is not None:
                self._stream.close()
        except OSError as error:
            logger.warning("capture.not_closed", reason=reason_of(error), **self._names)
        try:
            self._place.delete(self._part)
        except OSError as error:
            logger.warning("capture.not_deleted", reason=reason_of(error), **self._names)


def _file_facts(origin: Origin) -> dict[str, str]:
    """What the file says of itself: enough to tell where its rows come from, and never SQL."""
    return {
        "loader_code": origin.loader_code,
        "version": str(origin.version),
        "window_from": origin.window.start.astimezone(UTC).isoformat(),
        "window_to": origin.window.end.astimezone(UTC).isoformat(),
        "execution_id": str(origin.execution_id),
        "source": origin.source,
    }


@contextmanager
def _as_capture_failure() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Without the cause, whose text may name the place and the key it was opened with.
        raise CaptureFailedError(
            f"The run's raw rows could not be kept ({reason_of(error)}); nothing was loaded. Look "
            "at the place that LOADERPORTAL_RAW_CAPTURE_URL names."
        ) from None
