"""Who may do what: the one table behind pages, API and commands (spec 1)."""

from __future__ import annotations

from collections.abc import Iterable
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
    OWN_TOKENS = "own_tokens"
    VIEW_SQL = "view_sql"
    EDIT_LOADERS = "edit_loaders"
    APPROVE = "approve"
    RUN = "run"
    BACKFILL = "backfill"
    MEND_COVERAGE = "mend_coverage"
    POST_SIGNALS = "post_signals"
    DESCRIBE_SEGMENTS = "describe_segments"
    MANAGE_SOURCES = "manage_sources"
    SET_LOG_LEVELS = "set_log_levels"
    ARCHIVE = "archive"
    MANAGE_USERS = "manage_users"
    READ_AUDIT = "read_audit"
    MANAGE_KEYS = "manage_keys"
    PRUNE = "prune"
    EXPORT_EVIDENCE = "export_evidence"


_EVERYBODY = frozenset(Role)
_OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
_APPROVERS = frozenset({Role.APPROVER, Role.ADMIN})
_ADMINS = frozenset({Role.ADMIN})

ROLE_TABLE: dict[Permission, frozenset[Role]] = {
    Permission.VIEW: _EVERYBODY,
    Permission.OWN_TOKENS: _EVERYBODY,
    Permission.VIEW_SQL: _OPERATORS | _APPROVERS,
    Permission.EDIT_LOADERS: _OPERATORS,
    Permission.APPROVE: _APPROVERS,
    Permission.RUN: _OPERATORS,
    Permission.BACKFILL: _OPERATORS,
    Permission.MEND_COVERAGE: _OPERATORS,
    Permission.POST_SIGNALS: _OPERATORS,
    Permission.DESCRIBE_SEGMENTS: _OPERATORS,
    Permission.MANAGE_SOURCES: _ADMINS,
    Permission.SET_LOG_LEVELS: _ADMINS,
    Permission.ARCHIVE: _ADMINS,
    Permission.MANAGE_USERS: _ADMINS,
    Permission.READ_AUDIT: _ADMINS,
    Permission.MANAGE_KEYS: _ADMINS,
    Permission.PRUNE: _ADMINS,
    Permission.EXPORT_EVIDENCE: _ADMINS,
}

_DOING: dict[Permission, str] = {
    Permission.VIEW: "see loaders",
    Permission.OWN_TOKENS: "have API tokens",
    Permission.VIEW_SQL: "see loader SQL",
    Permission.EDIT_LOADERS: "create, change and submit loaders",
    Permission.APPROVE: "approve or reject definitions and large backfills",
    Permission.RUN: "enable, disable and run loaders",
    Permission.BACKFILL: "submit and control backfills",
    Permission.MEND_COVERAGE: "waive gaps, look for them and correct the coverage",
    Permission.POST_SIGNALS: "post signals of EXTERNAL loaders",
    Permission.DESCRIBE_SEGMENTS: "name segments",
    Permission.MANAGE_SOURCES: "manage source databases",
    Permission.SET_LOG_LEVELS: "set log levels",
    Permission.ARCHIVE: "archive loaders",
    Permission.MANAGE_USERS: "manage users",
    Permission.READ_AUDIT: "read the audit trail",
    Permission.MANAGE_KEYS: "rotate encryption keys",
    Permission.PRUNE: "remove what is past its retention",
    Permission.EXPORT_EVIDENCE: "export evidence",
}

_INCLUDED: dict[Role, frozenset[Role]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.VIEWER, Role.OPERATOR}),
    Role.APPROVER: frozenset({Role.VIEWER, Role.APPROVER}),
    Role.ADMIN: _EVERYBODY,
}
"""Each role with those it includes: whose every permission it has. Operator and approver include
the viewer and not one another; a test holds this against the table above."""

User: TypeAlias = Any
"""Whoever acts: Django's user, its AnonymousUser, somebody's token, or `SYSTEM`."""


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
    """What an active user may act as; a superuser is an admin (and still bound by four eyes), and
    so is the system (see `may` for what it may not). A request by a token has the lesser of the
    token's role and what its owner is now."""
    held = roles_held(user)
    limit: Role | None = getattr(user, "token_role", None)
    return held if limit is None else lesser(held, limit)


def roles_held(user: User) -> frozenset[Role]:
    """Roles of the person, whatever stands for them at the moment."""
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


def lesser(held: Iterable[Role], limit: Role) -> frozenset[Role]:
    """What both the roles held and the limit include, told by its greatest roles.

    The limit itself, where a role held includes it; the roles held, where the limit includes
    them; and of an operator and an approver, who don't include one another, a viewer is left.
    """
    common = {role for each in held for role in _INCLUDED[each]} & _INCLUDED[limit]
    return frozenset(
        role for role in common if not any(role in _INCLUDED[other] - {other} for other in common)
    )


def includes(held: Iterable[Role], role: Role) -> bool:
    """Whether somebody with these roles may all that the role may."""
    return any(role in _INCLUDED[each] for each in held)


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
            "Only a person may import, submit, approve or reject a definition, not the system. At "
            "the command line, name yourself by --as."
        )


def require_sign_in(user: User) -> None:
    """Raise PermissionDeniedError for a token: with a stolen one, nobody may make themselves a
    second way in that outlives its end."""
    if getattr(user, "token_role", None) is not None:
        raise PermissionDeniedError(
            "A token may not make, change or revoke tokens, users or passwords. Sign in yourself."
        )


def person_of(user: User) -> User | None:
    """The user as a row may refer to it: nobody where the system acts."""
    return None if isinstance(user, SystemActor) else user


def refusal(permission: Permission) -> str:
    """Why a button is disabled, in a sentence."""
    allowed = [role.value for role in Role if role in ROLE_TABLE[permission]]
    return f"Only the roles {' and '.join(allowed)} may {_DOING[permission]}."
