"""Segment combinations: a code derived from content, committed before the run that uses it.

Two runs that bring the same new combinations in opposite order can't deadlock: each batch is
inserted sorted, in a short transaction of its own on a connection of its own (spec 2). That the
loader has brought them is noted in the same way, so that its names can be listed, and told apart
from other teams', without a look at its signals.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import cast

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.ids import uuid8
from signals.exceptions import RowRejectedError
from signals.models import SEGMENT_COUNT

CACHE_LIMIT = 50_000
CACHE_BYTES = 32 * 1024 * 1024
Cells = tuple[bytes | None, ...]

_COLUMNS = ", ".join(f"segment_{n}" for n in range(1, SEGMENT_COUNT + 1))
_INSERT = (
    f"INSERT INTO segment_combination (segment_code, {_COLUMNS}) "
    f"SELECT * FROM unnest(%s::uuid[]{', %s::text[]' * SEGMENT_COUNT}) AS new (code) "
    "ORDER BY code ON CONFLICT (segment_code) DO NOTHING"
)
_LINK = (
    "INSERT INTO loader_segment (loader_code, segment_code) "
    "SELECT %s, code FROM unnest(%s::uuid[]) AS new (code) "
    "ORDER BY code ON CONFLICT (loader_code, segment_code) DO NOTHING"
)


def segment_code(segments: Sequence[bytes | None]) -> uuid.UUID:
    """Code of ten segment values (UTF-8; none counts as empty): the first 128 bits of the SHA-256
    of their length-prefixed text, marked as UUIDv8 (RFC 9562)."""
    content = hashlib.sha256()
    for value in segments:
        content.update(b"%d:" % len(value or b""))
        content.update(value or b"")
    return uuid8(content.digest()[:16])


class CombinationRegistry:
    """Codes of the combinations that a loader's run meets. Remembers at most `CACHE_LIMIT` of them,
    and about `CACHE_BYTES` of their text."""

    def __init__(self, loader_code: str) -> None:
        self._loader_code = loader_code
        self._codes: dict[Cells, bytes] = {}
        self._values: dict[bytes | None, bytes | None] = {}
        self._new: dict[str, list[str]] = {}
        self._bytes = 0
        self._connection: BaseDatabaseWrapper | None = None

    def codes_of(self, combinations: list[Cells]) -> list[bytes]:
        """The codes as text bytes. Raises RowRejectedError for text that is not UTF-8."""
        codes = list(map(self._codes.get, combinations))
        if None not in codes:
            return cast("list[bytes]", codes)
        return [
            code or self._code_of(segments)
            for code, segments in zip(codes, combinations, strict=True)
        ]

    def _code_of(self, segments: Cells) -> bytes:
        known = self._codes.get(segments)
        if known is not None:
            return known
        code = str(segment_code(segments))
        self._new[code] = [_text(value, n) for n, value in enumerate(segments, start=1)]
        self._bytes += sum(map(len, filter(None, segments)))
        if len(self._codes) >= CACHE_LIMIT or self._bytes > CACHE_BYTES:
            self._codes.clear()
            self._values.clear()
            self._bytes = 0
        # Combinations are made of few values: each is kept once.
        kept = tuple(map(self._values.setdefault, segments, segments))
        self._codes[kept] = encoded = code.encode()
        return encoded

    def commit_new(self) -> None:
        """Commit the combinations met since the last call."""
        if not self._new:
            return
        if self._connection is None:
            self._connection = connections.create_connection("default")
        insert_combinations(self._connection, self._loader_code, self._new)
        self._new.clear()

    def forget_new(self) -> None:
        """Let go of the combinations met since the last call: nobody will write their signals."""
        self._new.clear()

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def insert_combinations(
    own: BaseDatabaseWrapper, loader_code: str, combinations: Mapping[str, Sequence[str]]
) -> None:
    """Commit combinations by their codes, and that they are the loader's. A statement each, in the
    order of codes, that commits by itself (`own` is outside of any transaction): a process that
    freezes meanwhile holds no key back."""
    codes = list(combinations)
    columns = zip(*combinations.values(), strict=True)
    with own.cursor() as cursor:
        cursor.execute(_INSERT, [codes, *map(list, columns)])
        cursor.execute(_LINK, [loader_code, codes])


def _text(value: bytes | None, number: int) -> str:
    try:
        text = (value or b"").decode()
    except UnicodeDecodeError:
        raise RowRejectedError(f"SEGMENT_{number} holds text that is not UTF-8.") from None
    if "\0" in text:
        raise RowRejectedError(f"SEGMENT_{number} holds a NUL character.")
    return text
