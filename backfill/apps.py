"""Backfill app."""

from __future__ import annotations

from django.apps import AppConfig


class BackfillConfig(AppConfig):
    """Jobs that load chosen windows, beside the live runs."""

    name = "backfill"

    def ready(self) -> None:
        from backfill.late.upkeep import register_jobs
        from backfill.scheduling import register_work

        register_work()
        register_jobs()
