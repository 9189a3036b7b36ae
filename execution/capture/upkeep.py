"""Upkeep of a place for captures: parts are settled, files past their days are deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings

from core.clock import database_now
from execution.capture.names import execution_of, finished_of
from execution.capture.place import Found, Place, configured_place, reason_of
from execution.exceptions import CaptureFailedError
from execution.models import LoadHistory, RunStatus

logger = structlog.get_logger(__name__)

_LOADED = {RunStatus.SUCCESS, RunStatus.PARTIAL}


def settle_place() -> int:
    """Finish the parts of runs that committed, delete other parts that are older than any run may
    take, and files past RAW_CAPTURE_RETENTION; returns how many. A part whose execution is under
    way is left alone, and so is whatever is no capture. One file that can't be settled keeps no
    other waiting; CaptureFailedError at the end tells of it."""
    upkeep = _Upkeep(configured_place(), database_now())
    try:
        upkeep.settle()
    except OSError as error:
        upkeep.failed(error)
    upkeep.raise_failures()
    return upkeep.settled


def count_old_files() -> int:
    """How many finished files are past RAW_CAPTURE_RETENTION. Raises CaptureFailedError."""
    place, before = configured_place(), database_now() - settings.RAW_CAPTURE_RETENTION
    try:
        return sum(
            1
            for month in place.months()
            for file in place.files(month)
            if file.changed_at < before and _is_finished(file)
        )
    except OSError as error:
        raise CaptureFailedError(
            f"The place for raw captures can't be read ({reason_of(error)})."
        ) from None


def _is_finished(file: Found) -> bool:
    named = execution_of(file.path.rsplit("/", 1)[1])
    return named is not None and not named[1]


class _Upkeep:
    """One round over a place, a month of a loader at a time, so that memory stays bounded."""

    def __init__(self, place: Place, now: datetime) -> None:
        self._place = place
        self._now = now
        self._failures: list[str] = []
        self.settled = 0

    def settle(self) -> None:
        """Settle the files of all months."""
        for month in self._place.months():
            parts: dict[UUID, Found] = {}
            for file in self._place.files(month):
                named = execution_of(file.path.rsplit("/", 1)[1])
                if named is None:
                    continue
                execution_id, is_part = named
                if is_part:
                    parts[execution_id] = file
                elif file.changed_at < self._now - settings.RAW_CAPTURE_RETENTION:
                    self._try(self._place.delete, file.path)
            self._settle_parts(parts)

    def failed(self, error: OSError) -> None:
        """Remember that something went wrong."""
        self._failures.append(reason_of(error))
        logger.warning("capture.not_settled", reason=self._failures[-1])

    def raise_failures(self) -> None:
        """Raise CaptureFailedError if something went wrong."""
        if self._failures:
            raise CaptureFailedError(
                f"{len(self._failures)} raw captures could not be looked after "
                f"({self._failures[0]})."
            )

    def _settle_parts(self, parts: dict[UUID, Found]) -> None:
        executions = LoadHistory.objects.only("status", "metadata").in_bulk(list(parts))
        for execution_id, part in parts.items():
            execution = executions.get(execution_id)
            finished = finished_of(part.path)
            if execution is not None and execution.status == RunStatus.RUNNING:
                continue
            # Its path in the execution says that it was closed before the commit.
            if (
                execution is not None
                and execution.status in _LOADED
                and ((execution.capture or {}).get("path") == finished)
            ):
                self._try(self._place.finish, part.path, finished)
            elif part.changed_at < self._now - settings.EXECUTION_TIMEOUT:
                self._try(self._place.delete, part.path)

    def _try(self, act: Callable[..., None], *paths: str) -> None:
        try:
            act(*paths)
        except OSError as error:
            self.failed(error)
        else:
            self.settled += 1
