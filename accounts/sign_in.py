"""Signing in by name and password: console and API both come here (spec 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User as PortalUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.lockout import FAILURES, WITHIN, Attempt, forget_failures, lock_ends_at
from accounts.roles import Permission, User, require, require_sign_in, roles_of
from audit.services import record
from core.clock import database_now
from core.display import instant_text
from core.errors import PortalError, TerminalError, TransientError

UNKNOWN_NAME = "(no such user)"
"""What the audit trail says for a name that is nobody's: a password may have been typed there."""

_WRONG = "Name or password is wrong."
_MINUTES = int(WITHIN.total_seconds() // 60)


class LoginFailedError(TerminalError):
    """Name or password is wrong, or the user is not active; which of them is not told."""

    code = "AUTHENTICATION_FAILED"
    status = HTTPStatus.UNAUTHORIZED
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="api"'}


class LoginWithoutRoleError(LoginFailedError):
    """The password is right, but there is nothing that the user may do."""


class LoginLockedError(TransientError):
    """Too many failures: the password was not even looked at."""

    code = "LOGIN_LOCKED"
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, until: datetime, now: datetime) -> None:
        self.seconds = max(1, math.ceil((until - now).total_seconds()))
        super().__init__(
            f"Sign-in is locked after {FAILURES} failures within {_MINUTES} minutes, until "
            f"{instant_text(until)} UTC. An administrator can unlock it.",
            details={"retry_after": self.seconds},
        )
        self.headers = {"Retry-After": str(self.seconds)}


class NotLockedError(TerminalError):
    """There is no lock-out to end."""

    code = "NOT_LOCKED"
    status = HTTPStatus.CONFLICT


def sign_in(
    *, request: HttpRequest, username: str, password: str, needs_role: bool = False
) -> PortalUser:
    """The active user of this name and password, who has a role if that is asked for. Both outcomes
    are in the audit trail. Raises LoginFailedError; LoginLockedError where the password was not
    looked at; LoginWithoutRoleError."""
    with transaction.atomic():
        outcome = _try(request, PortalUser.normalize_username(username), password, needs_role)
    if isinstance(outcome, PortalError):  # raised only now: what was counted and told must stay
        raise outcome
    return outcome


def _try(
    request: Any,
    name: str,
    password: str,
    needs_role: bool,  # noqa: FBT001
) -> PortalUser | PortalError:
    user = authenticate(request, username=name, password=password)
    attempt = Attempt.at(request, name)
    shown = attempt.name[:64] if attempt.is_user else UNKNOWN_NAME
    if user is not None and (not needs_role or roles_of(user)):
        attempt.succeeded()
        record(actor=user, action="login", object_type="user", object_id=shown)
        return user
    until = attempt.locked_until()
    if user is None and request.axes_locked_out:
        now = database_now()
        request.locked_login = LoginLockedError(until or now, now)
        return request.locked_login  # type: ignore[no-any-return]
    record(actor=None, action="login.failed", object_type="user", object_id=shown)
    if user is not None:
        return LoginWithoutRoleError("Your account has no role yet. Ask an administrator for one.")
    if until is None:
        return LoginFailedError(_WRONG)
    where = attempt.address if attempt.is_known else "addresses that it is not known to come from"
    after = {"until": until.isoformat(), "for": where}
    record(actor=None, action="login.locked", object_type="user", object_id=shown, after=after)
    return LoginFailedError(f"{_WRONG} Sign-in is locked until {instant_text(until)} UTC.")


def unlock(*, actor: User, user: PortalUser) -> None:
    """End the lock-out of a user's name; administrators only. Raises PermissionDeniedError,
    NotLockedError."""
    require(actor, Permission.MANAGE_USERS)
    require_sign_in(actor)
    name = user.get_username()
    with transaction.atomic():
        if lock_ends_at(name) is None:
            raise NotLockedError(f"Sign-in of {name} is not locked.")
        forget_failures(name)
        record(actor=actor, action="user.unlock", object_type="user", object_id=name[:64])


def locked_out_page(
    request: Any, response: HttpResponse, credentials: Mapping[str, Any] | None = None
) -> HttpResponse:
    """What axes' middleware answers a refused sign-in with: a page, or what the API said."""
    error: LoginLockedError | None = getattr(request, "locked_login", None)
    if error is None or response.status_code == error.status:
        return response
    page = render(request, "locked_out.html", {"error": error}, status=error.status)
    for name, value in error.headers.items():
        page[name] = value
    page["Cache-Control"] = "no-store"
    return page
