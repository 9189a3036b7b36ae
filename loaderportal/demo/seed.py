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
from accounts.users import create_user
from audit.services import record
from execution.trials.task import gather_now
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
_COMMENT = "Checked for the demo, evidence included."


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
    people = _ensure_people(values.users)
    sources = {code: _ensure_source(people, code, of) for code, of in values.sources.items()}
    _ensure_loader(people, sources[AIRLINE], flights_loader())
    _ensure_loader(people, sources[PAYMENTS], payments_loader(values.payments_begin))


@transaction.atomic
def _ensure_people(passwords: Mapping[str, str]) -> dict[Role, Any]:
    """The person named after each role, made if there is none: the administrator by the system,
    since there is nobody else yet, and the others by the administrator."""
    users = get_user_model().objects
    people: dict[Role, Any] = {}
    for role in (Role.ADMIN, *(role for role in Role if role != Role.ADMIN)):
        known = users.filter(username=role.value).first()
        if known is None and role == Role.ADMIN:
            known = _first_administrator(passwords[role.value])
        people[role] = known or create_user(
            actor=people[Role.ADMIN],
            password=passwords[role.value],
            values={"username": role.value, "role": role.value},
        )
    return people


def _first_administrator(password: str) -> Any:
    name = Role.ADMIN.value
    user = get_user_model().objects.create_user(name, password=password, is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    after = {"username": name, "role": name}
    record(actor=None, action="user.create", object_type="user", object_id=name, after=after)
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
        _have_approved(people, get_loader(loader_code, user=people[Role.ADMIN]))
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
    gather_now(submit(user=people[Role.OPERATOR], loader=loader))
    approve(user=people[Role.APPROVER], loader=loader, comment=_COMMENT)
