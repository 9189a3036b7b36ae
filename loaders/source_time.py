"""How a source tells time: its zone, the format of its bounds, the stamps it returns (spec 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from django.db import models

from core.window import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_EPOCH_WORDS = re.compile(
    r"(?<![a-z0-9])(?:unix_timestamp|from_unixtime|epoch)(?![a-z0-9])", re.IGNORECASE
)
_MYSQL_WORDS = re.compile(r"\bstr_to_date\b", re.IGNORECASE)
_CALENDAR_STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-5][0-9](?::?[0-5][0-9])?)?)?)?"
)
_EPOCH_STAMP = re.compile(r"(-?[0-9]{1,15})(?:\.([0-9]{1,20}))?")


class StampError(ValueError):
    """A returned timestamp can't be read. The message never quotes the source's data."""


class TimeFormat(models.TextChoices):
    """How the bounds of a window are written into loader SQL (spec 5 "Formats")."""

    AUTO = "AUTO", "Find out from the SQL"
    ISO_8601 = "ISO_8601", "ISO 8601, UTC"
    MYSQL_DATETIME = "MYSQL_DATETIME", "MySQL datetime, source-local"
    UNIX_EPOCH_SECONDS = "UNIX_EPOCH_SECONDS", "Unix seconds"
    UNIX_EPOCH_MILLIS = "UNIX_EPOCH_MILLIS", "Unix milliseconds"


@dataclass(frozen=True)
class SourceZone:
    """The clock on a source's wall. Make one with `named` or `offset`; equal by name."""

    name: str
    rules: tzinfo = field(compare=False, repr=False)

    @classmethod
    def named(cls, name: str) -> SourceZone:
        """The IANA zone of that name. ValueError when there is none.

        `localtime` (this machine's own) and `right/...` (leap seconds) are refused.
        """
        if name != "localtime" and not name.startswith("right/"):
            try:
                return cls(name, ZoneInfo(name))
            except (KeyError, ValueError, OSError):
                pass
        raise ValueError("the time zone is not a name of the IANA time zone database")

    @classmethod
    def offset(cls, hours: Decimal | float) -> SourceZone:
        """The zone whose local time is UTC minus `hours`: -3 is Asia/Riyadh (spec 5, seed 000).

        ValueError unless it is a whole number of minutes and less than a day.
        """
        try:
            minutes = Decimal(str(hours)) * 60
        except InvalidOperation:
            minutes = Decimal("NaN")
        if not minutes.is_finite() or abs(minutes) >= 24 * 60 or minutes % 1:
            raise ValueError("the offset is a whole number of minutes and less than 24 hours")
        rules = timezone(timedelta(minutes=-int(minutes)))
        return cls(str(rules), rules)

    def to_local(self, utc: datetime) -> datetime:
        """The naive local time at an aware instant. ValueError for a naive one."""
        return self._aware_local(utc).replace(tzinfo=None, fold=0)

    def to_utc(self, local: datetime) -> datetime:
        """The first instant at which the wall clock shows `local` (naive) or more, as aware UTC.

        So an ambiguous time is the first of the two (spec 5), and a time the clocks jumped over
        is the instant of the jump. That differs from zoneinfo's fold=0, which adds the jump: a
        source that groups by a grain reaching into the gap stamps the group with a time that
        never was, and the group starts at the jump. ValueError for an aware `local`,
        OverflowError outside the years 1 to 9999.
        """
        if local.tzinfo is not None:
            raise ValueError("a local time is naive")
        before, after = self._offsets(local)
        if before < after:
            return self._transition((local - after).replace(tzinfo=UTC), after - before)
        return (local - before).replace(tzinfo=UTC, fold=0)

    def repeated_hour(self, utc: datetime) -> Window | None:
        """Both passes of the local times shown twice, as one window, if `utc` lies in them."""
        local = self._aware_local(utc).replace(tzinfo=None)
        before, after = self._offsets(local)
        if before <= after:
            return None
        change = self._transition((local - before).replace(tzinfo=UTC), before - after)
        return Window(change - (before - after), change + (before - after))

    def _aware_local(self, utc: datetime) -> datetime:
        if utc.tzinfo is None:
            raise ValueError("an instant is aware")
        return utc.astimezone(self.rules)

    def _offsets(self, local: datetime) -> tuple[timedelta, timedelta]:
        """UTC offsets of a naive local time by the rules before and after a change near it."""
        before = self.rules.utcoffset(local.replace(fold=0))
        after = self.rules.utcoffset(local.replace(fold=1))
        return before or timedelta(0), after or timedelta(0)

    def _transition(self, low: datetime, span: timedelta) -> datetime:
        """The instant in (low, low + span] at which the UTC offset changes, to the second."""
        low = low.replace(microsecond=0)
        old = low.astimezone(self.rules).utcoffset()
        earlier, later = 0, span // _SECOND
        while later - earlier > 1:
            middle = (earlier + later) // 2
            if (low + middle * _SECOND).astimezone(self.rules).utcoffset() == old:
                earlier = middle
            else:
                later = middle
        return low + later * _SECOND


def resolve_format(fmt: TimeFormat, sql: str) -> TimeFormat:
    """The format to write bounds in: `fmt`, or for AUTO what the words of the SQL suggest.

    Order (spec 5): STR_TO_DATE is MYSQL_DATETIME; UNIX_TIMESTAMP, FROM_UNIXTIME or epoch, also
    as a part of a name such as `event_epoch`, is UNIX_EPOCH_SECONDS; TIMESTAMP, TO_TIMESTAMP,
    CAST AS TIMESTAMP, and everything else, is ISO_8601. Comments and strings count as text.
    """
    if fmt is not TimeFormat.AUTO:
        return fmt
    if _MYSQL_WORDS.search(sql):
        return TimeFormat.MYSQL_DATETIME
    if _EPOCH_WORDS.search(sql):
        return TimeFormat.UNIX_EPOCH_SECONDS
    return TimeFormat.ISO_8601


def precision(fmt: TimeFormat) -> timedelta:
    """The smallest step the format can write; a grain is a multiple of it. ValueError for AUTO."""
    if fmt is TimeFormat.AUTO:
        raise ValueError("AUTO is resolved before its precision is asked for")
    if fmt is TimeFormat.MYSQL_DATETIME:
        return timedelta(minutes=1)
    return timedelta(milliseconds=1) if fmt is TimeFormat.UNIX_EPOCH_MILLIS else _SECOND


def render(instant: datetime, fmt: TimeFormat, zone: SourceZone) -> str | int:
    """The bound `instant` (aware) as the source is to read it; only MYSQL_DATETIME is local.

    ValueError when the source would read another instant: finer than the format's precision, or
    the second pass of a repeated local hour. Bounds on a grain are neither (spec 5).
    """
    if fmt is TimeFormat.MYSQL_DATETIME:
        local = zone.to_local(instant)
        if local.second or local.microsecond or zone.to_utc(local) != instant:
            raise ValueError("the bound can't be written exactly in the source's time format")
        return local.isoformat(sep=" ", timespec="minutes")
    steps, rest = divmod(instant - _EPOCH, precision(fmt))
    if rest:
        raise ValueError("the bound can't be written exactly in the source's time format")
    if fmt is TimeFormat.ISO_8601:
        return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return steps


def parse_stamp(text: str, fmt: TimeFormat, zone: SourceZone) -> datetime:
    """A returned LOAD_TIME_STAMP as aware UTC; text without an offset is source-local.

    Reads PostgreSQL's ISO DateStyle, MySQL's datetime, `T` and `Z`, a bare date (local midnight),
    and plain numbers as Unix seconds, or milliseconds when `fmt` is UNIX_EPOCH_MILLIS; beyond
    microseconds digits are dropped. Anything else is a StampError: BC, infinity, zero dates,
    years past 9999.
    """
    stamp = _read_stamp(text, fmt, zone)
    if stamp is None:  # raised out here so that no chained error quotes the data
        raise StampError("a timestamp in the result is not a date and time the portal can read")
    return stamp


def _read_stamp(text: str, fmt: TimeFormat, zone: SourceZone) -> datetime | None:
    try:
        if _CALENDAR_STAMP.fullmatch(text):
            stamp = datetime.fromisoformat(text)
            return zone.to_utc(stamp) if stamp.tzinfo is None else stamp.astimezone(UTC)
        if number := _EPOCH_STAMP.fullmatch(text):
            digits = 3 if fmt is TimeFormat.UNIX_EPOCH_MILLIS else 6
            fraction = (number[2] or "")[:digits].ljust(digits, "0")
            return _EPOCH + timedelta(microseconds=int(number[1] + fraction))
    except (ValueError, OverflowError):
        pass
    return None
