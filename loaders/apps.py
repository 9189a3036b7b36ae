"""Loaders app."""

from __future__ import annotations

from django.apps import AppConfig


class LoadersConfig(AppConfig):
    """Sources, loaders, versions, approval."""

    name = "loaders"
