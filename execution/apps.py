"""Execution app."""

from __future__ import annotations

from django.apps import AppConfig


class ExecutionConfig(AppConfig):
    """Runs, and what guarantees them."""

    name = "execution"

    def ready(self) -> None:
        from django_q.signals import pre_execute

        from execution.hints import forget_taken_hint
        from execution.maintenance.jobs import register_jobs

        pre_execute.connect(forget_taken_hint)
        register_jobs()
