"""The zone that the person who looks is shown times in: of the request that is being answered,
and UTC everywhere else (API, commands, downloads, audit, logs).

Django's own current time zone stays UTC, so that no form reads a time in another zone than its
label says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils.functional import lazy

NAME_OF_UTC = "UTC"
_NO_PLACES = ("Etc/", "posix/", "right/", "SystemV/")

_find: ContextVar[Callable[[], tzinfo]] = ContextVar("shown_zone", default=lambda: UTC)


def shown_zone() -> tzinfo:
    """The zone to show times in."""
    return _find.get()()


def zone_name() -> str:
    """Its name, `UTC` or of the IANA data."""
    zone = shown_zone()
    return zone.key if isinstance(zone, ZoneInfo) else NAME_OF_UTC


def in_shown_zone(label: str) -> str:
    """A label that tells the zone of what stands below it, when it is shown: `Started (UTC)`."""
    return _label_with_zone(label)


def _with_zone(label: str) -> str:
    return f"{label} ({zone_name()})"


_label_with_zone = lazy(_with_zone, str)


@contextmanager
def times_shown_in(find: Callable[[], tzinfo]) -> Iterator[None]:
    """While it lasts, times are shown in the zone that `find` gives; it is asked when the first is
    shown, and once."""
    token = _find.set(cache(find))
    try:
        yield
    finally:
        _find.reset(token)


@cache
def known_zones() -> tuple[str, ...]:
    """Names of the zones that one can choose: places, in the order of the alphabet."""
    names = (name for name in available_timezones() if not name.startswith(_NO_PLACES))
    return tuple(sorted(name for name in names if "/" in name))


def zone_called(name: str) -> tzinfo:
    """The zone of a name; UTC for one that is not known."""
    return ZoneInfo(name) if name in known_zones() else UTC


def is_repeated(local: datetime) -> bool:
    """Whether the clocks of its zone show this time twice, an hour being repeated."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
