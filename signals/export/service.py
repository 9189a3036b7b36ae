"""A download of signals: who may, how much, one of few at once, and what became of it.

A download holds a thread of the web server and a transaction of PostgreSQL for as long as its
reader takes, so all that is bounded: rows, seconds, downloads at once, and how long a reader may
pause. It has a database session of its own, which ends with it however it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from importlib import import_module
from time import monotonic
from typing import Any, Self, cast
from uuid import UUID

import psycopg
from django.db import connections

from accounts.roles import Permission, User
from audit.services import record
from core.window import Window
from loaders.models import Loader
from loaders.services import require_on
from signals.exceptions import ExportBusyError, ExportCutShortError, ExportTooLargeError
from signals.export.rows import Batch, Selection, count_up_to, read_batches
from signals.ranges import check_segments

MOST_ROWS = 5_000_000
MOST_SECONDS = 600
MOST_AT_ONCE = 3
"""In all: of the eight requests that the image's web server answers at once, some stay free."""

_STATEMENT_SECONDS = 60
_READER_SECONDS = 60
_BEGIN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; "
    f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{_READER_SECONDS}s'"
)
_IS_MINE = "SELECT pg_try_advisory_lock(hashtext('signals.export'), %s)"

_STAMP = "%Y%m%dT%H%M%SZ"

Form = Callable[[str, Iterable[Batch]], Generator[bytes]]


class FileFormat(StrEnum):
    """What a download is written as; the word is the file's ending too."""

    CSV = "csv"
    PARQUET = "parquet"

    def load(self) -> tuple[str, Form]:
        """Media type and writer. The module is loaded for who needs it."""
        module = import_module(f"signals.export.{self}_form")
        return module.MEDIA_TYPE, cast("Form", getattr(module, f"write_{self}"))


class _Reading:
    """The session of a download."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._own = connections.create_connection("default")
        self._is_open = True
        self._until = monotonic() + MOST_SECONDS
        self.rows = 0

    def begin(self) -> int:
        """Take one of the places and begin the transaction; how many signals there are."""
        self._own.ensure_connection()
        with self._own.wrap_database_errors:
            return self._begin(self._session)

    def _begin(self, session: psycopg.Connection[Any]) -> int:
        places = range(MOST_AT_ONCE)
        if not any(session.execute(_IS_MINE, [place]).fetchone()[0] for place in places):  # type: ignore[index]
            raise ExportBusyError(
                f"{MOST_AT_ONCE} downloads are under way, and no more are served at once. Try "
                "again in a minute."
            )
        session.autocommit = False
        session.execute(_BEGIN)
        count = count_up_to(session, self._selection, MOST_ROWS)
        if count > MOST_ROWS:
            raise ExportTooLargeError(
                f"There are more than {MOST_ROWS:,} signals: ask for less time or fewer "
                "segmentCodes, and for the rest in further downloads."
            )
        return count

    def batches(self) -> Iterator[Batch]:
        """The signals. Raises ExportCutShortError."""
        for batch in read_batches(self._session, self._selection):
            if monotonic() > self._until:
                raise ExportCutShortError(f"The download took longer than {MOST_SECONDS} s.")
            self.rows += len(batch.rows)
            yield batch

    def end(self) -> bool:
        """End the session, and with it the transaction and the place; False if it has ended."""
        was_open, self._is_open = self._is_open, False
        if was_open:
            self._own.close()
        return was_open

    @property
    def _session(self) -> psycopg.Connection[Any]:
        return cast("psycopg.Connection[Any]", self._own.connection)


class Download:
    """A file on its way: iterate over its bytes, then close it. Its end leaves an audit event,
    whether it was whole or not."""

    def __init__(
        self,
        file_name: str,
        media_type: str,
        pieces: Generator[bytes],
        reading: _Reading,
        on_end: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.file_name = file_name
        self.media_type = media_type
        self._pieces = pieces
        self._reading = reading
        self._on_end = on_end
        self._is_whole = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            self._is_whole = True
            raise

    def close(self) -> None:
        """Give session and place free, and tell what was sent. Again is no error."""
        self._pieces.close()
        if self._reading.end():
            self._on_end({"signals": self._reading.rows, "isWhole": self._is_whole})


def export_signals(
    *,
    user: User,
    loader: Loader,
    window: Window,
    segments: Sequence[UUID] = (),
    file_format: FileFormat,
) -> Download:
    """A file of the loader's signals in the window, of some segment combinations or (none) of all.

    Raises PermissionDeniedError, LoaderNotFoundError, QueryInvalidError for too many segments,
    ExportTooLargeError, ExportBusyError. What
    is iterated over raises ExportCutShortError after MOST_SECONDS.
    """
    require_on(user, Permission.VIEW, loader)
    check_segments(segments)
    selection = Selection(loader.loader_code, window, segments)
    reading = _Reading(selection)
    asked = _facts(selection, file_format)
    with ExitStack() as on_error:
        on_error.callback(reading.end)
        count = reading.begin()
        media_type, write = file_format.load()
        _tell(user, loader, "signals.export", {**asked, "signals": count})
        on_error.pop_all()
    return Download(
        f"{loader.loader_code}_{window.start:{_STAMP}}_{window.end:{_STAMP}}.{file_format}",
        media_type,
        write(loader.loader_code, reading.batches()),
        reading,
        lambda sent: _tell(user, loader, "signals.exported", {**asked, **sent}),
    )


def _facts(selection: Selection, file_format: FileFormat) -> dict[str, Any]:
    return {
        "from": selection.window.start.isoformat(),
        "to": selection.window.end.isoformat(),
        "segmentCodes": [str(code) for code in selection.segments],
        "format": str(file_format),
    }


def _tell(user: User, loader: Loader, action: str, facts: dict[str, Any]) -> None:
    record(
        actor=user,
        action=action,
        object_type="loader",
        object_id=loader.loader_code,
        after=facts,
    )
