"""Audit app."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from core.database_roles import grant_after_migrate


class AuditConfig(AppConfig):
    """Audit trail and outbox; keeps the trail out of the application role's reach."""

    name = "audit"

    def ready(self) -> None:
        post_migrate.connect(grant_after_migrate, sender=self)
