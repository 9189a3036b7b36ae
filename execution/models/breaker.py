"""SourceBreaker: how often in a row a source served nobody (spec 6)."""

from __future__ import annotations

from django.db import models

from loaders.models import SourceDatabase


class SourceBreaker(models.Model):
    """One row a source that ever failed. `retry_at` is set while the breaker is open."""

    source = models.OneToOneField(
        SourceDatabase, on_delete=models.CASCADE, primary_key=True, related_name="breaker"
    )
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "source_breaker"

    def __str__(self) -> str:
        return f"{self.source_id}: {self.failures} failures"
