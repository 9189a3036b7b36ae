"""Django's admin as the portal uses it: its pages are loaded where they are served or checked."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ConsoleConfig(SimpleAdminConfig):
    """Without the discovery of pages: `loaderportal.admin` names them all, and the addresses import
    it. Workers, which serve none, do without them and what they import."""

    def ready(self) -> None:
        """The checks of the admin, once the pages are there to be checked."""
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    import_module("loaderportal.admin")
    return check_admin_app(app_configs, **options)
