"""Accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Roles, users, sign-in."""

    name = "accounts"
