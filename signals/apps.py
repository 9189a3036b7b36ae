"""Signals app."""

from __future__ import annotations

from django.apps import AppConfig


class SignalsConfig(AppConfig):
    """Where loaded signals live."""

    name = "signals"
