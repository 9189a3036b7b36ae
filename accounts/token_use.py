"""What an API token is good for when it is used: who stands behind it, and with what rights.

The header is `Authorization: Bearer lpt_...`, as for a JWT from `auth/login`: the prefix tells the
two apart, and lets scanners find a token that was left in a repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest
from http import HTTPStatus

from django.conf import settings
from django.db.models import Q
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.authentication import get_authorization_header
from rest_framework.request import Request

from accounts.models import ApiToken, TokenBearer, TokenState
from core.clock import ClockTimestamp
from core.errors import TerminalError

LEAST_BETWEEN_USES = timedelta(minutes=1)
"""A use is noted once in this while: a row written for each request would be a row waited for."""

_FORM = re.compile(rb"[a-z]+_[0-9a-f]{64}")
_REALM = 'Bearer realm="api"'


class TokenRefusedError(TerminalError):
    """The token opens nothing. The message never holds what was sent."""

    code = "TOKEN_INVALID"
    status = HTTPStatus.UNAUTHORIZED
    headers: Mapping[str, str] = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}


class TokenExpiredError(TokenRefusedError):
    """The token was good until its expiry."""

    code = "TOKEN_EXPIRED"


class TokenRevokedError(TokenRefusedError):
    """Somebody revoked the token."""

    code = "TOKEN_REVOKED"


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc] # knox is not typed
    """Knox's tokens with a role, an end by the database's clock, and rows that stay for a while
    after it. The user of the request is a TokenBearer; JWTs are left to who comes next."""

    def authenticate(self, request: Request) -> tuple[TokenBearer, ApiToken] | None:
        words = get_authorization_header(request).split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            return None
        if not words[1].startswith(settings.REST_KNOX["TOKEN_PREFIX"].encode()):
            return None
        return self.authenticate_credentials(words[1])

    def authenticate_credentials(self, token: bytes) -> tuple[TokenBearer, ApiToken]:
        """Who stands behind it. Raises TokenRefusedError or one of its kinds, which tell why only
        to who has the whole token."""
        found = _find(token)
        if found is None:
            raise TokenRefusedError("The API token is not valid.")
        state = found.state
        if state is TokenState.REVOKED:
            raise TokenRevokedError(f"The API token {found.name} was revoked.")
        if state is TokenState.EXPIRED:
            raise TokenExpiredError(f"The API token {found.name} has expired. Make a new one.")
        bearer = TokenBearer.of(found)
        if bearer is None:
            raise TokenRefusedError("The API token is not valid.")
        _note_use(found)
        return bearer, found

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for; a JWT is sent the same way."""
        return _REALM


def _find(token: bytes) -> ApiToken | None:
    """The row of the token. What isn't in a token's form never gets to the database."""
    if not _FORM.fullmatch(token):
        return None
    text = token.decode("ascii")
    digest = hash_token(text)
    rows = ApiToken.objects.filter(token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH])
    for row in rows:
        if compare_digest(row.digest, digest):
            return row
    return None


def _note_use(token: ApiToken) -> None:
    """Write down the time, unless somebody did within the last minute."""
    if token.last_used_at is not None and token.now - token.last_used_at < LEAST_BETWEEN_USES:
        return
    unseen = Q(last_used_at=None) | Q(last_used_at__lt=ClockTimestamp() - LEAST_BETWEEN_USES)
    ApiToken.objects.filter(unseen, pk=token.pk).update(last_used_at=ClockTimestamp())
