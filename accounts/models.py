"""Teams: groups of people that single loaders and sources are granted to (spec 1)."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models

from accounts.roles import Role


class TeamManager(models.Manager["Team"]):
    """Every group but those of the four roles."""

    def get_queryset(self) -> models.QuerySet[Team]:
        return super().get_queryset().exclude(name__in=list(Role))


class Team(Group):
    """A group that confers no role; what it is granted is kept by django-guardian."""

    objects: ClassVar[TeamManager] = TeamManager()  # type: ignore[assignment]

    class Meta:
        proxy = True
        ordering = ("name",)
