"""Look of the console (django-unfold). Read by the settings, so it imports no model; what depends
on the request is named by its dotted path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _stylesheet(name: str) -> Callable[[HttpRequest], str]:
    return lambda _: static(f"console/{name}.css")


def _script(name: str) -> Callable[[HttpRequest], str]:
    return lambda _: static(f"console/{name}.js")


def _icon(_: HttpRequest) -> str:
    return static("console/icon.svg")


_STYLESHEETS = ("console", "lists", "home", "pages", "diff", "times", "direction")
_SCRIPTS = ("live", "menus", "reach", "times")

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Loader Portal",
    "SITE_HEADER": "Loader Portal",
    "SITE_SYMBOL": "conveyor_belt",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_stylesheet(name) for name in _STYLESHEETS],
    "SCRIPTS": [_script(name) for name in _SCRIPTS],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "ENVIRONMENT": "loaderportal.navigation.environment",
    "DASHBOARD_CALLBACK": "loaderportal.home.dashboard",
    "LOGIN": {"form": "accounts.admin_sign_in.SignInForm"},
    "SIDEBAR": {"show_search": False, "navigation": "loaderportal.navigation.navigation"},
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .215 262.881)",
            "700": "oklch(48.8% .213 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
}
