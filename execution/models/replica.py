"""Replica and SchedulerLease: who works, and who schedules at the moment (spec 2, 7)."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Coalesce

from core.clock import ClockTimestamp
from execution.models.lock import LoaderExecutionLock

LIVE_FOR = timedelta(seconds=30)
"""A replica without a heartbeat for this long counts as gone."""


class ReplicaQuerySet(models.QuerySet["Replica"]):
    """Named queries over replicas."""

    def live(self) -> ReplicaQuerySet:
        """Replicas that were heard of lately and take new work."""
        return self.filter(_is_heard_of(), draining=False)

    def draining(self) -> ReplicaQuerySet:
        """Replicas that were heard of lately, finish what they have and take no more."""
        return self.filter(_is_heard_of(), draining=True)

    def gone(self) -> ReplicaQuerySet:
        """Replicas that were not heard of lately."""
        return self.exclude(_is_heard_of())

    def with_work(self) -> ReplicaQuerySet:
        """Each with `is_heard_of`, `slots_taken` (runs that it has under way) and `is_scheduling`,
        by the database's clock."""
        holding = LoaderExecutionLock.objects.active().filter(replica_name=models.OuterRef("name"))
        taken = holding.order_by().values("replica_name").values(taken=models.Count("pk"))
        lease = SchedulerLease.objects.filter(
            holder=models.OuterRef("name"), lease_until__gt=ClockTimestamp()
        )
        return self.annotate(
            is_heard_of=models.ExpressionWrapper(_is_heard_of(), models.BooleanField()),
            slots_taken=Coalesce(models.Subquery(taken), 0),
            is_scheduling=models.Exists(lease),
        )


def _is_heard_of() -> models.Q:
    return models.Q(heartbeat_at__gte=ClockTimestamp() - LIVE_FOR)


class Replica(models.Model):
    """A `runportal` process and its slots."""

    name = models.CharField(primary_key=True, max_length=255)
    version = models.CharField(max_length=32)
    slots = models.PositiveIntegerField()
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    draining = models.BooleanField(default=False)

    objects = ReplicaQuerySet.as_manager()

    class Meta:
        db_table = "replica"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class SchedulerLease(models.Model):
    """The one row (`name='cycle'`) that lets one replica at a time run the scheduler's cycle."""

    name = models.CharField(primary_key=True, max_length=32)
    holder = models.CharField(max_length=255, blank=True)
    lease_until = models.DateTimeField()
    last_cycle_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "scheduler_lease"

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'free'}"
