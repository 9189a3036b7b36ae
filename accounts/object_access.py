"""What single objects a person reaches, by the grants of their teams (spec 1 "Object permissions").

Knows no loaders. A model that teams are granted has a queryset with a method `visible_to(user)`;
rows of other models go with such objects as they point to. Each question is asked of the database
anew, so that a grant that was taken away is gone at the next request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Cast
from guardian.models import GroupObjectPermission
from guardian.shortcuts import assign_perm, get_groups_with_perms, remove_perm

from accounts.models import Team
from accounts.roles import Role, User, roles_held, roles_of

Row = TypeVar("Row", bound=models.Model)

VISIBLE = "visible_to"
"""Name of the queryset method that tells a model of which teams are granted objects."""


def is_restricted(user: User) -> bool:
    """Whether the user reaches only what a team of theirs was granted. Administrators reach all;
    who is a viewer and nothing else sees all loaders, and of no one SQL or source. A token is bound
    if its owner is, and if its own role would be: less of a role must not reach further."""
    if not settings.OBJECT_PERMISSIONS:
        return False
    return _binds(roles_held(user)) or _binds(roles_of(user))


def _binds(roles: frozenset[Role]) -> bool:
    return Role.ADMIN not in roles and roles != {Role.VIEWER}


def granted_ids(user: User, model: type[models.Model]) -> models.QuerySet[Any, Any]:
    """Keys of the objects that a team of the user was granted, as a subquery."""
    kind = ContentType.objects.get_for_model(model)
    teams = Team.objects.filter(user__in=[user.pk])  # no key is in no team; `=` would mean null
    grants = GroupObjectPermission.objects.filter(
        content_type=kind, permission__codename=_grant_of(model), group__in=teams
    )
    key: models.Field[Any, Any] = type(model._meta.pk)()  # noqa: SLF001 - Django's documented API
    keys: models.QuerySet[Any, Any] = grants.values_list(Cast("object_pk", key), flat=True)
    return keys


def reachable(user: User, rows: models.QuerySet[Row]) -> models.QuerySet[Row]:
    """Those of the rows that the user reaches: granted themselves, or pointing to what is."""
    if not is_restricted(user):
        return rows
    visible_to = getattr(rows, VISIBLE, None)
    if visible_to is not None:
        visible: models.QuerySet[Row] = visible_to(user)
        return visible
    for field in rows.model._meta.concrete_fields:  # noqa: SLF001 - Django's documented API
        if is_governed(field):
            found = field.related_model._default_manager.visible_to(user)  # type: ignore[union-attr] # noqa: SLF001
            rows = rows.filter(**{f"{field.name}__in": found})
    return rows


def is_governed(field: Any) -> bool:
    """Whether the field points to a model of which teams are granted objects."""
    model = getattr(field, "related_model", None)
    return hasattr(getattr(model, "_default_manager", None), VISIBLE)


def reaches(user: User, obj: models.Model) -> bool:
    """Whether the user reaches the object, as the database has it now."""
    if not is_restricted(user):
        return True
    return reachable(user, type(obj)._default_manager.filter(pk=obj.pk)).exists()  # noqa: SLF001


def teams_of(obj: models.Model) -> list[Team]:
    """The teams that the object is granted to, by name."""
    groups = get_groups_with_perms(obj).values("pk")
    return list(Team.objects.filter(pk__in=groups).order_by("name"))


def grant(obj: models.Model, teams: Iterable[Team]) -> None:
    """Let exactly these teams reach the object. The caller holds its row lock and tells of it."""
    wanted, present = {team.pk: team for team in teams}, {team.pk: team for team in teams_of(obj)}
    for key in wanted.keys() - present.keys():
        assign_perm(_grant_of(type(obj)), wanted[key], obj)
    for key in present.keys() - wanted.keys():
        remove_perm(_grant_of(type(obj)), present[key], obj)


def _grant_of(model: type[models.Model]) -> str:
    """The permission that stands for a grant."""
    return f"view_{model._meta.model_name}"  # noqa: SLF001 - Django's documented API
