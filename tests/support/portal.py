"""Processes of the portal, as tests start them."""

from __future__ import annotations

import os

from tests.portal_database import PortalDatabase


def portal_environment(database: PortalDatabase, **values: str) -> dict[str, str]:
    """Environment of a portal process that works on this database as the application."""
    return {
        **os.environ,
        "DATABASE_URL": database.url(),
        "DJANGO_SETTINGS_MODULE": "loaderportal.settings",
        **values,
    }
