"""Small pictures of figures within a line of text, each with the words that stand for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_HEIGHT = 24
_STEP = 5
_BAR = 4
_HEAD = 5
"""Room above the tallest bar, for the marks of what failed."""


@dataclass(frozen=True)
class Spark:
    """A bar: a value that is not negative, and whether it failed."""

    value: float
    failed: bool = False


def sparkline(bars: Sequence[Spark], *, places: int, told: str) -> SafeString:
    """Bars from left to right, the last at the right end of `places` places. What failed is marked
    by more than its colour. `told` is read out and shown on hover."""
    greatest = max((bar.value for bar in bars), default=0.0) or 1.0
    first = places - len(bars)
    drawn = format_html_join(
        "", "{}", ((_bar(bar, first + n, bar.value / greatest),) for n, bar in enumerate(bars))
    )
    width = places * _STEP
    return format_html(
        '<svg class="lp-spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="{}"><title>{}</title>{}</svg>',
        width,
        _HEIGHT,
        width,
        _HEIGHT,
        told,
        told,
        drawn,
    )


def _bar(bar: Spark, place: int, share: float) -> SafeString:
    height = max(round((_HEIGHT - _HEAD) * share, 1), 2.0)
    x = place * _STEP
    rect = format_html(
        '<rect x="{}" y="{}" width="{}" height="{}"/>', x, _HEIGHT - height, _BAR, height
    )
    if not bar.failed:
        return rect
    mark = format_html('<circle cx="{}" cy="2" r="2"/>', x + _BAR / 2)
    return format_html('<g class="lp-failed">{}{}</g>', rect, mark)


def strip(parts: Iterable[tuple[str, float]], *, told: str) -> SafeString:
    """Parts of a line, each in the style `lp-cov-<name>` and so wide as its share. `told` as for
    `sparkline`."""
    drawn = format_html_join(
        "", '<i class="lp-cov-{}" style="flex-grow:{}"></i>', ((n, f"{w:g}") for n, w in parts)
    )
    return format_html(
        '<span class="lp-mini" role="img" aria-label="{}" title="{}">{}</span>', told, told, drawn
    )
