"""The events of a simulated source: the same for the same data set and second, for ever.

What happens in a second follows from a hash of the data set's name and the event's number and
from nothing else, so any two windows agree about what they share. Amounts are quarters: sums of
them are exact in binary floating point, in whatever order they are added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from urllib.parse import parse_qsl

Event = tuple[str, str, str, str, float | None]
"""at (ISO text in UTC), channel, region, result, amount."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHANNELS = ("web", "web", "web", "app", "app", "app", "app", "branch", "فرع")
_REGIONS = ("north", "south", "east", "west", "الرياض")
_DAY = 86400
_BUSIEST_SECOND = 16 * 3600
_LIMITS = {
    "rate": (0.001, 100.0),
    "delay_ms": (0.0, 3_600_000.0),
    "fail": (0.0, 1.0),
    "timeout": (0.0, 1.0),
    "late": (0.0, 1.0),
    "late_seconds": (0.0, 604_800.0),
    "skew_seconds": (-86_400.0, 86_400.0),
}


@dataclass(frozen=True)
class Simulation:
    """What the database name of a simulated source asks for; see docs/sources.md.

    `rate` is events a second at the busiest time of day, shares are from 0 to 1: `fail` of the
    connections and `timeout` of the statements fail, `late` of the events show up only
    `late_seconds` after they happened.
    """

    name: str
    rate: float = 1.0
    delay_ms: float = 0.0
    fail: float = 0.0
    timeout: float = 0.0
    late: float = 0.0
    late_seconds: float = 600.0
    skew_seconds: float = 0.0

    @classmethod
    def from_name(cls, db_name: str) -> Simulation:
        """Read `payments?rate=2&delay_ms=100`. Raises ValueError that says what is wrong."""
        name, _, text = db_name.partition("?")
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
            raise ValueError("the name of the data set is 1 to 64 letters and digits")
        known = {field.name for field in fields(cls)} - {"name"}
        options: dict[str, float] = {}
        for key, value in parse_qsl(text, keep_blank_values=True):
            if key not in known:
                raise ValueError(f"the options are {', '.join(sorted(known))}")
            low, high = _LIMITS[key]
            if not re.fullmatch(r"-?\d{1,9}(\.\d{1,6})?", value) or not low <= float(value) <= high:
                raise ValueError(f"{key} is a number from {low:g} to {high:g}")
            options[key] = float(value)
        return cls(name, **options)

    @property
    def _step(self) -> timedelta:
        return timedelta(microseconds=round(1_000_000 / self.rate))

    def most_events(self, start: datetime, end: datetime) -> int:
        """How many events [start, end) holds at most."""
        return max(0, _ceil(end, self._step) - _ceil(start, self._step))

    def events(self, start: datetime, end: datetime, now: datetime) -> Iterator[Event]:
        """The events of [start, end) that a source at `now` (aware) has, in order of time."""
        key = self.name.encode()
        for number in range(_ceil(start, self._step), _ceil(end, self._step)):
            happened = _EPOCH + number * self._step
            draw = int.from_bytes(blake2b(b"%d" % number, digest_size=8, key=key).digest())
            seen = happened
            if draw % 100_000 < self.late * 100_000:
                seen += timedelta(seconds=self.late_seconds)
            if seen <= now and _happens(happened, draw // 100_000 % 1000):
                yield _event(happened, draw // 100_000_000)


def stamp(instant: datetime) -> str:
    """The instant as text that sorts as time does and names its zone."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def _ceil(instant: datetime, step: timedelta) -> int:
    """The number of the first event at `instant` or later."""
    return -((_EPOCH - instant) // step)


def _happens(instant: datetime, draw: int) -> bool:
    """Whether the event takes place: always in the afternoon, three in ten in the small hours."""
    second = (instant - _EPOCH) // timedelta(seconds=1)
    away = (second - _BUSIEST_SECOND) % _DAY
    away = min(away, _DAY - away)
    return draw < 1000 - 1400 * away // _DAY


def _event(instant: datetime, draw: int) -> Event:
    draw, channel = divmod(draw, len(_CHANNELS))
    draw, region = divmod(draw, len(_REGIONS))
    draw, luck = divmod(draw, 50)
    result = "error" if luck == 0 else "declined" if luck < 4 else "ok"
    # The square of a share: many small amounts, few large ones.
    amount = None if luck == 0 else ((draw % 100) ** 2) / 4 + 0.25
    return stamp(instant), _CHANNELS[channel], _REGIONS[region], result, amount
