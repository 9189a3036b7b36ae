"""Create and change users; administrators only."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.models import User as PortalUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.models import Team
from accounts.roles import Permission, Role, User, require, require_sign_in
from audit.services import record
from core.errors import TerminalError

_TEXTS = frozenset({"username", "first_name", "last_name", "email", "is_active"})


class UserInvalidError(TerminalError):
    """Fields of a user break a rule; `details["errors"]` names each."""

    code = "VALIDATION_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


@transaction.atomic
def create_user(*, actor: User, password: str, values: Mapping[str, Any]) -> PortalUser:
    """Add a user with one role who may enter the console. Raises PermissionDeniedError,
    UserInvalidError."""
    require(actor, Permission.MANAGE_USERS)
    require_sign_in(actor)
    user = PortalUser(is_staff=True)
    user.set_password(password)
    _apply(user, values)
    user.groups.set([_group(values["role"])])
    _tell(actor, user, "user.create", {}, values)
    return user


@transaction.atomic
def update_user(*, actor: User, user: PortalUser, values: Mapping[str, Any]) -> PortalUser:
    """Change a user; their teams stay. A superuser who gets another role than admin is none any
    more. Nobody changes their own role or locks themselves out, so that a portal never loses its
    last administrator by a slip. Raises PermissionDeniedError, UserInvalidError."""
    require(actor, Permission.MANAGE_USERS)
    require_sign_in(actor)
    user = PortalUser.objects.select_for_update().get(pk=user.pk)
    if user.pk == actor.pk and {"role", "is_active"} & set(values):
        name = "role" if "role" in values else "is_active"
        text = "Another administrator must change your own access."
        raise UserInvalidError(text, details={"errors": {name: [text]}})
    before = {name: getattr(user, name) for name in values if name in _TEXTS}
    if "role" in values:
        roles = user.groups.filter(name__in=list(Role))
        before["role"] = ", ".join(sorted(roles.values_list("name", flat=True)))
        user.groups.set([_group(values["role"]), *Team.objects.filter(user=user)])
    after = dict(values)
    if user.is_superuser and values.get("role", Role.ADMIN) != Role.ADMIN:
        user.is_superuser = False
        before["is_superuser"], after["is_superuser"] = True, False
    _apply(user, values)
    _tell(actor, user, "user.update", before, after)
    return user


def password_was_changed(*, user: PortalUser) -> None:
    """Leave in the audit trail that somebody changed their own password; never the password."""
    _tell(user, user, "user.password_change", {}, {})


def password_was_set(*, actor: User, user: PortalUser) -> None:
    """Leave in the audit trail that somebody set a user's password; never the password."""
    _tell(actor, user, "user.password", {}, {})


def _apply(user: PortalUser, values: Mapping[str, Any]) -> None:
    for name in _TEXTS & set(values):
        setattr(user, name, values[name])
    try:
        user.full_clean(exclude=["password"])
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise _invalid(error.message_dict) from None
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        # Somebody took the name after the check; nothing else of a user is unique.
        raise _invalid({"username": ["A user with that username already exists."]}) from None


def _invalid(errors: dict[str, list[str]]) -> UserInvalidError:
    return UserInvalidError("Please correct the user.", details={"errors": errors})


def _group(role: str) -> Group:
    return Group.objects.get(name=Role(role).value)


def _tell(
    actor: User,
    user: PortalUser,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="user",
        object_id=user.get_username()[:64],
        before=before,
        after=after,
    )
