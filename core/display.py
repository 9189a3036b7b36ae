"""How instants, spans of time, numbers and badges are written. The texts are UTC, for sentences,
commands and downloads; what is shown on a page (`time_shown`, `window_shown`) is in the zone of the
person who looks, and tells UTC on hover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.shown_zone import is_repeated, shown_zone

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


_TO_SECONDS = "%Y-%m-%d %H:%M:%S"
_TO_MINUTES = "%Y-%m-%d %H:%M"


def instant_text(instant: datetime | None, *, empty: str = NOTHING) -> str:
    """`2026-01-31 10:00:00` in UTC; what stands around it says that it is UTC."""
    if instant is None:
        return empty
    return instant.astimezone(UTC).strftime(_TO_SECONDS)


def time_shown(instant: datetime | None, *, empty: str = NOTHING) -> str:
    """An instant on a page, in the zone of the person who looks; the title of its column, made by
    `in_shown_zone`, tells which. An hour that the clocks repeat has its offset."""
    if instant is None:
        return empty
    return _marked_up(instant, _local_text(instant, _TO_SECONDS))


def window_text(start: datetime, end: datetime) -> str:
    """A half-open window in UTC; minutes suffice unless one of its bounds has seconds."""
    form = _form_of(start, end)
    first, last = (bound.astimezone(UTC) for bound in (start, end))
    shown_end = _without_day(last.strftime(form), first, last)
    return f"{first.strftime(form)} → {shown_end}"


def window_shown(start: datetime, end: datetime) -> SafeString:
    """The same on a page, in the zone of the person who looks: see `time_shown`."""
    form = _form_of(start, end)
    first, last = (bound.astimezone(shown_zone()) for bound in (start, end))
    shown_end = _without_day(_local_text(end, form), first, last)
    return format_html(
        "{} → {}", _marked_up(start, _local_text(start, form)), _marked_up(end, shown_end)
    )


def _form_of(start: datetime, end: datetime) -> str:
    return _TO_SECONDS if start.second or end.second else _TO_MINUTES


def _without_day(text: str, first: datetime, last: datetime) -> str:
    is_same_day = first.date() == last.date()
    return text.removeprefix(last.strftime("%Y-%m-%d ")) if is_same_day else text


def _local_text(instant: datetime, form: str) -> str:
    local = instant.astimezone(shown_zone())
    offset = f" {local.isoformat()[-6:]}" if is_repeated(local) else ""
    return f"{local.strftime(form)}{offset}"


def _marked_up(instant: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        instant_text(instant),
        text,
    )


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
