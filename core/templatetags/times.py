"""For templates: in which zone times are shown, and times in it. Known to every template."""

from __future__ import annotations

from datetime import datetime

from django import template

from core import display
from core.shown_zone import zone_name

register = template.Library()


@register.simple_tag
def shown_zone() -> str:
    """The name of the zone that times are shown in."""
    return zone_name()


@register.filter
def time_shown(instant: datetime | None) -> str:
    """An instant in that zone, with UTC on hover."""
    return display.time_shown(instant)
