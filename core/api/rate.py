"""How often one caller may ask: the limit as it is configured (spec 10)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
}
_UNITS = {1: "s", 60: "min", 3600: "h"}
_FORM = re.compile(r"([1-9][0-9]{0,6})/([a-z]+)")


@dataclass(frozen=True)
class RateLimit:
    """So many requests in so many seconds."""

    requests: int
    seconds: int

    def __str__(self) -> str:
        """As it is configured."""
        return f"{self.requests}/{_UNITS[self.seconds]}"


def rate_limit(text: str) -> RateLimit | None:
    """Read `100/min` (s, min or h); None for `off`. Raises ValueError."""
    lowered = text.strip().lower()
    if lowered == "off":
        return None
    found = _FORM.fullmatch(lowered)
    if found is None or found[2] not in _SECONDS:
        raise ValueError("it must be a number a second, minute or hour such as 100/min, or off")
    return RateLimit(int(found[1]), _SECONDS[found[2]])
