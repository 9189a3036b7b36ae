"""In which zone a person is shown times: UTC until they choose another, or their browser's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from accounts.models import Preferences
from accounts.roles import Permission, User, require, require_person
from core.errors import TerminalError
from core.shown_zone import NAME_OF_UTC, known_zones, times_shown_in, zone_called

BROWSER = "browser"
"""The choice of whatever zone the browser is in."""

COOKIE = "browser_zone"
"""In which the browser tells its zone: see `static/console/times.js`."""


class TimeZoneInvalidError(TerminalError):
    """There is no such zone to choose."""

    code = "VALIDATION_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


def choose_time_zone(*, user: User, choice: str) -> None:
    """Show the person times in this zone from now on, wherever they sign in: `UTC`, `browser`, or a
    name of the IANA data. It changes what nobody else sees, so the audit trail does not tell of it.
    Raises PermissionDeniedError, TimeZoneInvalidError."""
    require(user, Permission.VIEW)
    require_person(user)
    if choice not in {NAME_OF_UTC, BROWSER, *known_zones()}:
        text = "Choose UTC, your browser's zone or one of the list."
        raise TimeZoneInvalidError(text, details={"errors": {"time_zone": [text]}})
    Preferences.objects.update_or_create(user_id=user.pk, defaults={"time_zone": choice})


def chosen_time_zone(user: User) -> str:
    """What the person chose."""
    chosen = Preferences.objects.filter(user_id=user.pk).values_list("time_zone", flat=True)
    return chosen.first() or NAME_OF_UTC


class TimeZoneMiddleware:
    """Shows the person who asks times in their zone. Only pages ask for it: the API, downloads and
    what is written while the request is answered stay UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with times_shown_in(lambda: _zone_for(request)):
            return self._get_response(request)


def _zone_for(request: HttpRequest) -> tzinfo:
    if not request.user.is_authenticated:
        return UTC
    chosen = chosen_time_zone(request.user)
    return zone_called(request.COOKIES.get(COOKIE, "") if chosen == BROWSER else chosen)
