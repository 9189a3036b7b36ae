"""For templates: in which zone times are shown, and times in it. Known to every template."""

from __future__ import annotations

from datetime import datetime

from django import template

from core import display
from core import shown_zone as zones

register = template.Library()


@register.simple_tag
def shown_zone() -> str:
    """The name of the zone that times are shown in."""
    return zones.zone_name()


@register.filter
def time_shown(instant: datetime | None) -> str:
    """An instant in that zone, with UTC on hover."""
    return display.time_shown(instant)


@register.simple_tag
def in_shown_zone(label: str) -> str:
    """The title of what shows times, with that zone: `{% in_shown_zone _("Started") %}`."""
    return str(zones.in_shown_zone(label))
