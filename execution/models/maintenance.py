"""MaintenanceJob: when a job of the upkeep ran, and who is at it (spec 7)."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from core.clock import ClockTimestamp


class MaintenanceJobQuerySet(models.QuerySet["MaintenanceJob"]):
    """Named queries over maintenance jobs."""

    def free(self) -> MaintenanceJobQuerySet:
        """Jobs that nobody is at, or whose worker was not heard of for a lease."""
        return self.filter(
            models.Q(lease_until__isnull=True) | models.Q(lease_until__lt=ClockTimestamp())
        )

    def held_by(self, replica_name: str) -> MaintenanceJobQuerySet:
        """Jobs that a replica is at, by a lease that still runs."""
        return self.filter(holder=replica_name, lease_until__gte=ClockTimestamp())

    def take(self, seen: MaintenanceJob, *, run_id: UUID, holder: str, lease: timedelta) -> bool:
        """Take the job up, by compare-and-set on the run that was `seen` last: of several replicas
        that found it due, one gets it."""
        taken = (
            self.free()
            .filter(pk=seen.pk, run_id=seen.run_id)
            .update(
                run_id=run_id,
                holder=holder,
                last_started_at=ClockTimestamp(),
                lease_until=ClockTimestamp() + lease,
            )
        )
        return taken == 1

    def ask_for(self, name: str) -> None:
        """Make a job due at once, unless a worker is at it now: as if it had never run. What its
        last run left to tell stays."""
        self.filter(name=name, lease_until__isnull=True).update(last_started_at=None)

    def renew(self, run_id: UUID, lease: timedelta) -> bool:
        """Keep the job; False if somebody else took it meanwhile."""
        return self.filter(run_id=run_id).update(lease_until=ClockTimestamp() + lease) == 1

    def finish(self, run_id: UUID, *, error: str, count: int | None) -> bool:
        """Record how a run of the job ended; False if somebody else took the job meanwhile."""
        finished = self.filter(run_id=run_id).update(
            last_finished_at=ClockTimestamp(),
            lease_until=None,
            last_error=error,
            last_count=count,
        )
        return finished == 1


class MaintenanceJob(models.Model):
    """One registered job. `lease_until` is set while a worker is at it; a lease that has passed
    tells that the worker is gone, and the job is due again."""

    name = models.CharField(primary_key=True, max_length=64)
    first_seen_at = models.DateTimeField(db_default=Now())
    run_id = models.UUIDField(null=True)
    holder = models.CharField("replica", max_length=255, blank=True)
    lease_until = models.DateTimeField(null=True)
    last_started_at = models.DateTimeField(null=True)
    last_finished_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    last_count = models.BigIntegerField(null=True)

    objects = MaintenanceJobQuerySet.as_manager()

    class Meta:
        db_table = "maintenance_job"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
