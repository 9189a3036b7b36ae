"""How the console writes instants, spans of time, numbers and badges. Instants are always UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.utils.html import format_html
from django.utils.safestring import SafeString

NOTHING = "–"  # noqa: RUF001 - the dash that stands in an empty cell


class Tone(StrEnum):
    """Colour of a badge, by what it means."""

    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"
    BUSY = "busy"
    QUIET = "quiet"


def badge(text: object, tone: Tone) -> SafeString:
    """A short status in the colour of its meaning."""
    return format_html('<span class="lp-badge lp-{}">{}</span>', tone.value, text)


def instant_text(instant: datetime | None, *, empty: str = NOTHING) -> str:
    """`2026-01-31 10:00:00` in UTC; the page or the column's title says that it is UTC."""
    if instant is None:
        return empty
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def window_text(start: datetime, end: datetime) -> str:
    """A half-open window in UTC; minutes suffice unless one of its bounds has seconds."""
    form = "%Y-%m-%d %H:%M:%S" if start.second or end.second else "%Y-%m-%d %H:%M"
    first, last = (bound.astimezone(UTC) for bound in (start, end))
    shown_end = last.strftime(form)
    if first.date() == last.date():
        shown_end = shown_end.removeprefix(last.strftime("%Y-%m-%d "))
    return f"{first.strftime(form)} → {shown_end}"


def span_text(span: timedelta | None) -> str:
    """The two greatest units of a span: `3 d 4 h`, `12 min 5 s`, `2.4 s`, `27 ms`."""
    if span is None:
        return NOTHING
    seconds = max(span.total_seconds(), 0.0)
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if 0 < seconds < 10:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number:,} {unit}")
    return " ".join(parts[:2]) or "0 s"


def ago_text(instant: datetime, now: datetime) -> str:
    """How far an instant lies from now, in its greatest unit: `4 min ago`, `in 2 h`, `now`."""
    seconds = int(abs(now - instant).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            text = f"{seconds // size:,} {unit}"
            return f"{text} ago" if now > instant else f"in {text}"
    return "now"


def stacked(text: object, below: object) -> SafeString:
    """A cell's value, and in smaller letters below it what makes it exact."""
    return format_html(
        '<span class="lp-stack">{}<small class="lp-sub">{}</small></span>', text, below
    )


def number_text(number: int | None) -> str:
    """A whole number with separators."""
    return NOTHING if number is None else f"{number:,}"
