"""Puts people, sources and loaders into the portal, by the services that people use.

The only module of the demo that needs Django.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.roles import Role
from audit.services import record
from loaderportal.demo.definitions import (
    AIRLINE,
    FLIGHTS_LOADER,
    PAYMENTS,
    PAYMENTS_LOADER,
    flights_loader,
    payments_loader,
)
from loaders.models import ApprovalStatus, Loader, SourceDatabase
from loaders.services import (
    approve,
    create_loader,
    create_source,
    enable,
    get_loader,
    submit,
    update_source,
)

_OWN_LOADERS = (FLIGHTS_LOADER, PAYMENTS_LOADER)
_COMMENT = "Checked for the demo."


@dataclass(frozen=True)
class SeedValues:
    """What the demo hands over. `users` are passwords by role; nothing of it is printed."""

    users: Mapping[str, str]
    sources: Mapping[str, Mapping[str, Any]]
    payments_begin: datetime

    def __repr__(self) -> str:
        return "<values of a demo>"


def seed(values: SeedValues) -> None:
    """Make what is missing and leave alone what exists; only a source whose port has changed is
    told so, and the demo's own loaders are approved anew then."""
    people = {role: ensure_user(role, values.users[role.value]) for role in Role}
    sources = {code: _ensure_source(people, code, of) for code, of in values.sources.items()}
    _ensure_loader(people, sources[AIRLINE], flights_loader())
    _ensure_loader(people, sources[PAYMENTS], payments_loader(values.payments_begin))


@transaction.atomic
def ensure_user(role: Role, password: str) -> Any:
    """The person named after the role, who may enter the console; made if there is none."""
    users = get_user_model().objects
    known = users.filter(username=role.value).first()
    if known is not None:
        return known
    user = users.create_user(role.value, password=password, is_staff=True)
    user.groups.add(Group.objects.get(name=role.value))
    record(
        actor=None,
        action="user.create",
        object_type="user",
        object_id=role.value,
        after={"role": role.value},
    )
    return user


@transaction.atomic
def _ensure_source(
    people: Mapping[Role, Any], code: str, values: Mapping[str, Any]
) -> SourceDatabase:
    known = SourceDatabase.objects.filter(db_code=code).first()
    if known is None:
        return create_source(user=people[Role.ADMIN], values={"db_code": code, **values})
    if known.port == values["port"]:
        return known
    approved = [
        loader.loader_code
        for loader in known.loaders.filter(
            approval_status=ApprovalStatus.APPROVED, loader_code__in=_OWN_LOADERS
        )
    ]
    moved = update_source(user=people[Role.ADMIN], source=known, values={"port": values["port"]})
    for loader_code in approved:
        _have_approved(people, get_loader(loader_code))
    return moved


@transaction.atomic
def _ensure_loader(
    people: Mapping[Role, Any], source: SourceDatabase, values: Mapping[str, Any]
) -> None:
    if Loader.objects.filter(loader_code=values["loader_code"]).exists():
        return
    operator = people[Role.OPERATOR]
    loader = create_loader(user=operator, values={**values, "source_database": source})
    _have_approved(people, loader)
    enable(user=operator, loader=loader)


def _have_approved(people: Mapping[Role, Any], loader: Loader) -> None:
    submit(user=people[Role.OPERATOR], loader=loader)
    approve(user=people[Role.APPROVER], loader=loader, comment=_COMMENT)
