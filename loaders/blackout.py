"""Blackout hours: times of the day in which a source is left alone (spec 2). Pure.

Written as `08:00-10:00, 22:30-01:00`, in the source's local time; a span may pass midnight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as TimeOfDay  # noqa: N812
from zoneinfo import ZoneInfo

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")
_MINUTES_A_DAY = 1440
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Span:
    """From a time of the day until another, the end excluded; minutes since midnight."""

    start: int
    end: int

    def __contains__(self, minute: int) -> bool:
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def parse(text: str) -> tuple[Span, ...]:
    """The spans of a text; none for an empty one. Raises ValueError with a sentence for a text
    that is not understood, and for one that leaves no minute of the day."""
    spans = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        found = _SPAN.fullmatch(part)
        if found is None:
            raise ValueError("Write times of the day such as 08:00-10:00, 22:30-01:00.")
        hours = [int(number) for number in found.groups()]
        spans.append(Span(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]))
    if all(any(minute in span for span in spans) for minute in range(_MINUTES_A_DAY)):
        raise ValueError("The blackout leaves no minute of the day: disable the loaders instead.")
    return tuple(spans)


def ends_at(spans: tuple[Span, ...], time_zone: str, now: datetime) -> datetime | None:
    """When the blackout that `now` (aware) lies in ends, spans that meet taken as one; aware UTC.
    None outside of a blackout. An empty `time_zone` is UTC. A local end that a change of the clock
    skips or repeats is the later instant: rather a minute too long than too short."""
    zone = ZoneInfo(time_zone or "UTC")
    end = now
    while (span := _span_at(spans, end.astimezone(zone))) is not None:
        end = _end_of(span, end, zone)
    return None if end == now else end.astimezone(UTC)


def _span_at(spans: tuple[Span, ...], local: datetime) -> Span | None:
    minute = local.hour * 60 + local.minute
    return next((span for span in spans if minute in span), None)


def _end_of(span: Span, now: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after `now` at which the local clock shows the span's end."""
    local = now.astimezone(zone)
    day = local.date()
    if span.end <= local.hour * 60 + local.minute:
        day += timedelta(days=1)
    naive = datetime.combine(day, TimeOfDay(*divmod(span.end, 60)))
    instants = [naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(*instants, now.astimezone(UTC) + _MINUTE)
