"""Who may do what: the one table behind pages, API and commands (spec 1)."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeAlias

from core.errors import TerminalError


class Role(StrEnum):
    """The four roles; each is a group of the same name."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Permission(StrEnum):
    """One row of the role table."""

    VIEW = "view"
    VIEW_SQL = "view_sql"
    EDIT_LOADERS = "edit_loaders"
    APPROVE = "approve"
    RUN = "run"
    BACKFILL = "backfill"
    MANAGE_SOURCES = "manage_sources"
    SET_LOG_LEVELS = "set_log_levels"
    ARCHIVE = "archive"
    MANAGE_USERS = "manage_users"
    READ_AUDIT = "read_audit"
    MANAGE_KEYS = "manage_keys"


_EVERYBODY = frozenset(Role)
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})
_ADMINS = frozenset({Role.ADMIN})

ROLE_TABLE: dict[Permission, frozenset[Role]] = {
    Permission.VIEW: _EVERYBODY,
    Permission.VIEW_SQL: _OPERATORS | _APPROVERS,
    Permission.EDIT_LOADERS: _OPERATORS,
    Permission.APPROVE: _APPROVERS,
    Permission.RUN: _OPERATORS,
    Permission.BACKFILL: _OPERATORS,
    Permission.MANAGE_SOURCES: _ADMINS,
    Permission.SET_LOG_LEVELS: _ADMINS,
    Permission.ARCHIVE: _ADMINS,
    Permission.MANAGE_USERS: _ADMINS,
    Permission.READ_AUDIT: _ADMINS,
    Permission.MANAGE_KEYS: _ADMINS,
}

_DOING: dict[Permission, str] = {
    Permission.VIEW: "see loaders",
    Permission.VIEW_SQL: "see loader SQL",
    Permission.EDIT_LOADERS: "create, change and submit loaders",
    Permission.APPROVE: "approve or reject definitions and large backfills",
    Permission.RUN: "enable, disable and run loaders",
    Permission.BACKFILL: "submit and control backfills",
    Permission.MANAGE_SOURCES: "manage source databases",
    Permission.SET_LOG_LEVELS: "set log levels",
    Permission.ARCHIVE: "archive loaders",
    Permission.MANAGE_USERS: "manage users",
    Permission.READ_AUDIT: "read the audit trail",
    Permission.MANAGE_KEYS: "rotate encryption keys",
}

User: TypeAlias = Any
"""Whoever acts: Django's user, its AnonymousUser, or `SYSTEM`."""


class SystemActor:
    """The portal itself, where no person is named: a command without `--as`. It may what an
    admin may, save what takes a person's judgement (`NEVER_BY_SYSTEM`, `require_person`). It has
    no row, so the audit trail names it as "system"."""

    pk = None
    is_active = True
    is_authenticated = False
    is_superuser = False

    def get_username(self) -> str:
        """As the audit trail names it."""
        return "system"


SYSTEM = SystemActor()
NEVER_BY_SYSTEM = frozenset({Permission.APPROVE})


class PermissionDeniedError(TerminalError):
    """The user's role does not allow the act."""

    code = "PERMISSION_DENIED"
    status = HTTPStatus.FORBIDDEN


def roles_of(user: User) -> frozenset[Role]:
    """Roles of an active user; a superuser is an admin (and still bound by four eyes), and so is
    the system (see `may` for what it may not)."""
    if isinstance(user, SystemActor):
        return frozenset({Role.ADMIN})
    if not getattr(user, "is_active", False) or not user.is_authenticated:
        return frozenset()
    if "_portal_roles" not in user.__dict__:
        names = set(user.groups.values_list("name", flat=True))
        roles = {role for role in Role if role.value in names}
        if user.is_superuser:
            roles.add(Role.ADMIN)
        user.__dict__["_portal_roles"] = frozenset(roles)
    found: frozenset[Role] = user.__dict__["_portal_roles"]
    return found


def may(user: User, permission: Permission) -> bool:
    """Whether one of the user's roles has the permission, and a person holds it who must be one."""
    if isinstance(user, SystemActor) and permission in NEVER_BY_SYSTEM:
        return False
    return bool(roles_of(user) & ROLE_TABLE[permission])


def require(user: User, permission: Permission) -> None:
    """Raise PermissionDeniedError, saying which roles may, unless the user may."""
    if not may(user, permission):
        raise PermissionDeniedError(refusal(permission))


def require_person(user: User) -> None:
    """Raise PermissionDeniedError for the system: a definition is submitted and decided about by
    two persons, whom the audit trail names (spec 1, four eyes)."""
    if isinstance(user, SystemActor):
        raise PermissionDeniedError(
            "Only a person may submit, approve or reject a definition, not the system. At the "
            "command line, name yourself by --as."
        )


def person_of(user: User) -> User | None:
    """The user as a row may refer to it: nobody where the system acts."""
    return None if isinstance(user, SystemActor) else user


def refusal(permission: Permission) -> str:
    """Why a button is disabled, in a sentence."""
    allowed = [role.value for role in Role if role in ROLE_TABLE[permission]]
    return f"Only the roles {' and '.join(allowed)} may {_DOING[permission]}."
