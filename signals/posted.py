"""Signals that another system posts: from JSON to rows of the target, with every check (spec 8).

Pure, and plain loops over plain values: ten thousand signals are read in a tenth of a second, which
a serializer a signal would take several seconds for. Messages name index, field and rule, never
the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from loaders.exceptions import ValidationFailedError
from loaders.grain import Grain
from loaders.rules import EARLIEST, LATEST
from signals.models import SEGMENT_COUNT
from signals.segments import segment_code

MOST_SIGNALS = 10_000
MOST_TOLD = 20
"""Signals that an answer tells the faults of; the rest are counted."""

_COUNTS = ("recCount", "valueCount")
_NUMBERS = ("sumVal", "avgVal", "maxVal", "minVal")
FIELDS = frozenset({"loadTimeStamp", "segments", *_COUNTS, *_NUMBERS})
_LARGEST = 2**63 - 1
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
Segments = tuple[str, ...]


@dataclass(frozen=True)
class Calendar:
    """What times a loader's signals may have: on its grain, in `[first, end)`, and not after
    `latest`. Aware UTC; None is open."""

    grain: Grain
    first: datetime | None
    end: datetime | None
    latest: datetime

    def fault_of(self, stamp: datetime) -> str | None:
        """What is wrong with a signal of this time, if anything is."""
        if not EARLIEST <= stamp <= LATEST:
            return "The year lies outside 1970 to 2200. Epoch times are seconds, not milliseconds."
        if stamp > self.latest:
            return f"The time lies in the future; it is {self.latest:{_STAMP}} at the latest."
        if self.first is not None and stamp < self.first:
            return f"The loader's signals begin at {self.first:{_STAMP}}."
        if self.end is not None and stamp >= self.end:
            return f"The loader's signals end at {self.end:{_STAMP}}."
        boundary = self.grain.floor(stamp)
        if boundary != stamp:
            return (
                "The time is not on the loader's grain: the signal of that grain has "
                f"{boundary:{_STAMP}}."
            )
        return None


@dataclass(frozen=True)
class PostedSignal:
    """One signal, checked."""

    load_time_stamp: datetime
    segment_code: UUID
    rec_count: int | None
    value_count: int | None
    sum_val: float | None
    avg_val: float | None
    max_val: float | None
    min_val: float | None


@dataclass(frozen=True)
class PostedSignals:
    """What was posted, in order of time and code, with the segments that the codes stand for."""

    signals: Sequence[PostedSignal]
    combinations: Mapping[UUID, Segments]


class _FaultError(Exception):
    """A field of a signal breaks a rule."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


def read_signals(items: Sequence[Any], calendar: Calendar) -> PostedSignals:
    """The signals of a body as they were parsed from JSON, all of them or none. Raises
    ValidationFailedError, whose `errors.signals` name the first faulty ones by their index."""
    _check_number(items)
    reader = _Reader(calendar)
    faults: list[dict[str, Any]] = []
    faulty = 0
    for index, item in enumerate(items):
        try:
            reader.take(index, item)
        except _FaultError as fault:
            faulty += 1
            if len(faults) < MOST_TOLD:
                faults.append({"index": index, "field": fault.field, "message": fault.message})
    if faulty:
        raise ValidationFailedError(
            f"{faulty} of {len(items)} signals can't be taken, so none was stored. Correct them "
            "and send all of them again.",
            details={"errors": {"signals": faults}, "error_count": faulty},
        )
    signals = sorted(reader.signals, key=lambda one: (one.load_time_stamp, one.segment_code))
    return PostedSignals(signals, reader.combinations)


def _check_number(items: Sequence[Any]) -> None:
    """Before any of them is looked at."""
    message = ""
    if not items:
        message = "Give at least one signal."
    elif len(items) > MOST_SIGNALS:
        message = (
            f"{len(items)} signals are too many for one request: send at most {MOST_SIGNALS}, and "
            "the rest in further ones."
        )
    if message:
        raise ValidationFailedError(message, details={"errors": {"signals": [message]}})


class _Reader:
    """Reads signal after signal. Times, segments and keys that it has met are remembered: most of
    them come again."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._stamps: dict[int | str, datetime] = {}
        self._codes: dict[Segments, UUID] = {}
        self._keys: dict[tuple[datetime, UUID], int] = {}
        self.signals: list[PostedSignal] = []

    @property
    def combinations(self) -> dict[UUID, Segments]:
        """The segments that were met, by their codes."""
        return {code: segments for segments, code in self._codes.items()}

    def take(self, index: int, item: Any) -> None:
        """Read one. Raises _FaultError."""
        if not isinstance(item, dict):
            raise _FaultError("", "A signal is an object with loadTimeStamp, segments and values.")
        if not item.keys() <= FIELDS:
            unknown = min(item.keys() - FIELDS)
            raise _FaultError(unknown[:64], "There is no such field.")
        stamp = self._stamp(item.get("loadTimeStamp"))
        code = self._code(item.get("segments"))
        rec_count = _count("recCount", item.get("recCount"))
        value_count = _count("valueCount", item.get("valueCount"))
        numbers = [_number(name, item.get(name)) for name in _NUMBERS]
        first = self._keys.setdefault((stamp, code), index)
        if first != index:
            raise _FaultError(
                "segments", f"Signal {first} has the same time and segments: send one of the two."
            )
        self.signals.append(
            PostedSignal(
                stamp, code, rec_count, rec_count if value_count is None else value_count, *numbers
            )
        )

    def _stamp(self, value: Any) -> datetime:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise _FaultError("loadTimeStamp", _HOW_TIMES_ARE)
        known = self._stamps.get(value)
        if known is None:
            known = _instant(value)
            if (fault := self._calendar.fault_of(known)) is not None:
                raise _FaultError("loadTimeStamp", fault)
            self._stamps[value] = known
        return known

    def _code(self, value: Any) -> UUID:
        if value is None:
            value = []
        if not isinstance(value, list) or len(value) > SEGMENT_COUNT:
            raise _FaultError("segments", f"Segments are a list of at most {SEGMENT_COUNT} texts.")
        if not all(one is None or isinstance(one, str) for one in value):
            raise _FaultError("segments", "Each segment is a text or null.")
        segments = tuple(one or "" for one in value) + ("",) * (SEGMENT_COUNT - len(value))
        known = self._codes.get(segments)
        if known is None:
            known = self._codes[segments] = segment_code(_encoded(segments))
        return known


_HOW_TIMES_ARE = (
    "Give epoch seconds, or a date and time with its offset such as 2026-01-31T10:00:00Z."
)


def _instant(value: int | str) -> datetime:
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        stamp = datetime.fromisoformat(value)
        if stamp.tzinfo is not None:
            return stamp.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise _FaultError("loadTimeStamp", _HOW_TIMES_ARE)


def _encoded(segments: Segments) -> list[bytes]:
    if any("\0" in one for one in segments):
        raise _FaultError("segments", "A segment holds a NUL character.")
    try:
        return [one.encode() for one in segments]
    except UnicodeEncodeError:
        raise _FaultError("segments", "A segment holds half a character pair.") from None


def _count(field: str, value: Any) -> int | None:
    if value is None:
        return None
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole or not 0 <= value <= _LARGEST:
        raise _FaultError(field, "Give a whole number from 0 to 9223372036854775807, or null.")
    return int(value)


def _number(field: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _FaultError(field, "Give a finite number, or null; no text, NaN or infinity.")
