"""Ground floor app."""

from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Makes the schemas, before any other app's tables."""

    name = "core"
