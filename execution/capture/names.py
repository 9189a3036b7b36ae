"""Names of captures below their place. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

FINISHED = ".parquet"
PART = ".parquet.part"
_FILE = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?P<end>\.parquet(?:\.part)?)"
)


def capture_path(loader_code: str, window_start: datetime, execution_id: UUID) -> str:
    """Where the capture of an execution stands, relative to the place: by loader and by the month
    (UTC) in which its window starts."""
    return f"{loader_code}/{window_start.astimezone(UTC):%Y/%m}/{execution_id}{FINISHED}"


def part_of(path: str) -> str:
    """The name of a capture that is not finished."""
    return path.removesuffix(FINISHED) + PART


def finished_of(part: str) -> str:
    """The name that a part gets when it is finished."""
    return part.removesuffix(PART) + FINISHED


def execution_of(file_name: str) -> tuple[UUID, bool] | None:
    """The execution that a file's name tells, and whether the file is a part; None for what is no
    capture."""
    found = _FILE.fullmatch(file_name)
    return None if found is None else (UUID(found["id"]), found["end"] == PART)
