"""The way from a run to its raw capture, and the one for runs that keep none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from core.window import Window
from execution.services.claim import Claimed
from signals.rows import Row

Facts = dict[str, str | int]
"""What is told of a finished capture: `path` below the place, `rows`, `bytes`."""


@dataclass(frozen=True)
class Origin:
    """Where captured rows come from; `source` is the code of the source database."""

    loader_code: str
    version: int
    window: Window
    execution_id: UUID
    source: str


class RunCapture(AbstractContextManager["RunCapture"], Protocol):
    """What a run does with its capture. It is a context around the run's transaction: left without
    an error, the file gets its name; left with one, it goes."""

    def tee(self, columns: tuple[str, ...], batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The same batches, each kept on its way."""

    def complete(self) -> Facts | None:
        """All rows have passed; nothing is missing from the file but its name."""

    def hand_over(self) -> None:
        """The transaction commits next: from here on it can't be known whether it did."""


class NoCapture:
    """The capture of a run that keeps none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was opened."""

    def tee(self, columns: tuple[str, ...], batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The batches as they come."""
        return iter(batches)

    def complete(self) -> Facts | None:
        """There is nothing to tell."""
        return None

    def hand_over(self) -> None:
        """There is nothing to keep."""


def capture_of(claimed: Claimed, window: Window) -> RunCapture:
    """The capture of a run of this window. Raises CaptureFailedError where the loader asks for one
    and there is no place for it."""
    if not claimed.settings.raw_capture:
        return NoCapture()
    # Not at the top: most workers never capture, and pyarrow would add 30 MB to each of them.
    from execution.capture.parquet import Capture
    from execution.capture.place import configured_place

    origin = Origin(
        loader_code=claimed.loader_code,
        version=claimed.version_number,
        window=window,
        execution_id=claimed.history_id,
        source=claimed.profile.db_code,
    )
    return Capture(configured_place(), origin)
