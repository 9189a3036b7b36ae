"""Backfill app."""

from __future__ import annotations

from datetime import timedelta

from django.apps import AppConfig


class BackfillConfig(AppConfig):
    """Jobs that load chosen windows, beside the live runs."""

    name = "backfill"

    def ready(self) -> None:
        from backfill.gap_job import register_scan
        from backfill.late.upkeep import register_jobs
        from backfill.retention import register_retention
        from backfill.scheduling import register_work
        from backfill.services import expire_requests
        from execution.maintenance import Every, register

        register_work()
        register_jobs()
        register("expired backfill requests", Every(timedelta(hours=1)), expire_requests)
        register_scan()
        register_retention()
