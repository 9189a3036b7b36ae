"""Make, list and revoke API tokens: keys of machines to the API, with role and end (spec 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, models, transaction
from knox.models import get_digest_token
from knox.settings import CONSTANTS
from psycopg.errors import UniqueViolation

from accounts.models import ApiToken
from accounts.roles import (
    Permission,
    Role,
    User,
    includes,
    may,
    require,
    require_person,
    require_sign_in,
    roles_of,
)
from audit.services import record
from core.clock import ClockTimestamp, database_now
from core.errors import TerminalError

KEPT_AFTER_ITS_END = timedelta(days=90)
"""How long a token that expired or was revoked is still listed."""

_LONGEST_NAME = 64


class TokenInvalidError(TerminalError):
    """Fields of a new token break a rule; `details["errors"]` names each."""

    code = "VALIDATION_FAILED"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TokenNotFoundError(TerminalError):
    """There is no such token, or it is somebody else's."""

    code = "TOKEN_NOT_FOUND"
    status = HTTPStatus.NOT_FOUND


@dataclass(frozen=True)
class NewToken:
    """A token just made. `text` is the token itself, which nobody can ever read again."""

    row: ApiToken
    text: str = field(repr=False)


@transaction.atomic
def create_token(*, actor: User, name: str, role: str, days: int | None = None) -> NewToken:
    """A token of the actor's own, whose role is at most theirs, and which expires after so many
    days (else `LOADERPORTAL_TOKEN_DAYS`). Raises PermissionDeniedError, TokenInvalidError."""
    require(actor, Permission.OWN_TOKENS)
    require_person(actor)
    require_sign_in(actor)
    lifetime = settings.TOKEN_LIFETIME if days is None else timedelta(days=days)
    name = name.strip()
    _check(actor, name, role, lifetime)
    digest, text = get_digest_token()
    row = ApiToken(
        user_id=actor.pk,
        name=name,
        role=Role(role).value,
        expiry=database_now() + lifetime,
        digest=digest,
        token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH],
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise _invalid("name", "You have a token of this name. Revoke it first.") from None
    told = {"owner": actor.get_username(), "role": row.role, "expires_at": row.expiry.isoformat()}
    _tell(actor, row, "token.create", told)
    return NewToken(tokens_seen_by(actor).get(pk=row.pk), text)


@transaction.atomic
def revoke_token(*, actor: User, token: ApiToken) -> bool:
    """End a token at once: one's own, or as an administrator anybody's. False if it was revoked
    already. Raises PermissionDeniedError, TokenNotFoundError."""
    require(actor, Permission.OWN_TOKENS)
    require_sign_in(actor)
    found = get_token(token.pk, user=actor)
    is_first = ApiToken.objects.filter(pk=found.pk, revoked_at=None).update(
        revoked_at=ClockTimestamp(), revoked_by_id=actor.pk
    )
    if is_first:
        _tell(actor, found, "token.revoke", {"owner": found.user.get_username()})
    return bool(is_first)


def tokens_seen_by(user: User) -> models.QuerySet[ApiToken]:
    """One's own tokens; everybody's, for an administrator."""
    tokens = ApiToken.objects.select_related("user", "revoked_by")
    if may(user, Permission.MANAGE_USERS):
        return tokens
    return tokens.filter(user_id=user.pk)


def get_token(token_id: UUID | str, *, user: User) -> ApiToken:
    """The token of this id, if the user may see it. Raises TokenNotFoundError."""
    token = tokens_seen_by(user).filter(pk=token_id).first()
    if token is None:
        raise TokenNotFoundError("There is no such token.")
    return token


def roles_for_token(user: User) -> list[Role]:
    """The roles that a token of the user's may have, the least first."""
    return [role for role in Role if includes(roles_of(user), role)]


def delete_old_tokens() -> int:
    """Delete tokens that ended longer than `KEPT_AFTER_ITS_END` ago; returns how many. The audit
    trail keeps that there were such."""
    return _long_ended().delete()[0]


def count_old_tokens() -> int:
    """How many it would delete."""
    return _long_ended().count()


def _long_ended() -> models.QuerySet[ApiToken]:
    before = ClockTimestamp() - KEPT_AFTER_ITS_END
    ended = models.Q(revoked_at__lt=before) | models.Q(expiry__lt=before)
    return ApiToken.objects.filter(ended)


def _check(actor: User, name: str, role: str, lifetime: timedelta) -> None:
    longest = settings.TOKEN_LONGEST_LIFETIME.days
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise _invalid("name", f"Give a name of 1 to {_LONGEST_NAME} characters on one line.")
    allowed = [each.value for each in roles_for_token(actor)]
    if role not in allowed:
        raise _invalid("role", f"Choose a role that you have yourself: {', '.join(allowed)}.")
    if not 1 <= lifetime.days <= longest:
        raise _invalid("days", f"A token lives for 1 to {longest} days.")


def _invalid(name: str, message: str) -> TokenInvalidError:
    return TokenInvalidError(message, details={"errors": {name: [message]}})


def _tell(actor: User, token: ApiToken, action: str, facts: dict[str, str]) -> None:
    record(
        actor=actor,
        action=action,
        object_type="token",
        object_id=str(token.pk),
        after={"name": token.name, **facts},
    )
