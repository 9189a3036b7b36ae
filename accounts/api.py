"""`auth/`: sign in and out, and who am I (spec 10)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.crypto import constant_time_compare
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.api_tokens import TokenAnswer
from accounts.models import ApiToken
from accounts.roles import Permission, Role, User, may, roles_of
from accounts.sign_in import LoginFailedError, LoginLockedError, sign_in
from audit.services import record
from core.api.idempotency import Repetition
from core.api.operations import Operation
from core.api.serializers import Strict
from core.api.views import Endpoint, valid_body

_PASSWORD_CLAIM = "pwd"  # noqa: S105 - the name of a claim
_EXPIRED = "The refresh token is not valid any more. Log in."


class LoginBody(Strict):
    """Body of `auth/login`."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=256, trim_whitespace=False)


class RefreshBody(Strict):
    """Body of `auth/refresh` and `auth/logout`."""

    refresh_token = serializers.CharField(max_length=4096)


class TokensAnswer(serializers.Serializer[Any]):
    """The access token goes into the header `Authorization: Bearer ...` until it expires, in
    `expiresIn` seconds; the refresh token gets new ones, once."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.ChoiceField(["Bearer"])
    expires_in = serializers.IntegerField()


class MeAnswer(serializers.Serializer[Any]):
    """Who asks; `token` is there for those who came with an API token."""

    username = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField(list(Role)))
    permissions = serializers.ListField(child=serializers.ChoiceField(list(Permission)))
    token = TokenAnswer(allow_null=True)


class PortalRefreshToken(RefreshToken):
    """A refresh token that ends with its user's password. The list of those that are out holds
    their ids only: the tokens themselves would be keys to the portal for whoever reads the table.
    """

    no_copy_claims = (*RefreshToken.no_copy_claims, _PASSWORD_CLAIM)  # type: ignore[assignment]

    @classmethod
    def of(cls, user: User) -> PortalRefreshToken:
        """A new token of the user."""
        token = cls()
        token[api_settings.USER_ID_CLAIM] = str(user.pk)
        token[_PASSWORD_CLAIM] = _password_mark(user)
        token._put_out()
        return token

    def user(self) -> User | None:
        """Whose it is; nobody's if the user is locked out or has another password by now."""
        key = self.get(api_settings.USER_ID_CLAIM)
        user = get_user_model().objects.filter(pk=key, is_active=True).first()
        mark = str(self.get(_PASSWORD_CLAIM, ""))
        if user is None or not constant_time_compare(mark, _password_mark(user)):
            return None
        return user

    def use_up(self) -> bool:
        """Revoke it; False if somebody did at the same moment."""
        _, is_first = BlacklistedToken.objects.get_or_create(token=self._put_out())
        return is_first

    def _put_out(self) -> OutstandingToken:
        row, _ = OutstandingToken.objects.get_or_create(
            jti=self[api_settings.JTI_CLAIM],
            defaults={
                "user_id": self[api_settings.USER_ID_CLAIM],
                "token": "",
                "created_at": self.current_time,
                "expires_at": datetime_from_epoch(self["exp"]),
            },
        )
        return row


class LoginView(Endpoint):
    """A short access token and a refresh token for a name and password. Five failures within 15
    minutes lock the name."""

    repetition = Repetition.REFUSED
    operations = {
        "POST": Operation(
            "login",
            "Sign in",
            body=LoginBody,
            answer=TokensAnswer,
            errors=(LoginFailedError, LoginLockedError),
        )
    }

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def post(self, request: Request) -> Response:
        body = valid_body(LoginBody, request)
        http_request = request._request  # noqa: SLF001 - documented by DRF
        user = sign_in(request=http_request, **body)
        return Response(TokensAnswer(_tokens(PortalRefreshToken.of(user))).data)


class RefreshView(Endpoint):
    """New tokens for a refresh token, which is used up. A person who was locked out or changed
    the password gets none."""

    repetition = Repetition.REFUSED
    operations = {
        "POST": Operation(
            "refreshTokens",
            "Get new tokens",
            body=RefreshBody,
            answer=TokensAnswer,
            errors=(LoginFailedError,),
        )
    }

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def post(self, request: Request) -> Response:
        token = _refresh_token(request)
        user = token.user()
        if user is None or not token.use_up():
            raise AuthenticationFailed(_EXPIRED)
        return Response(TokensAnswer(_tokens(PortalRefreshToken.of(user))).data)


class LogoutView(Endpoint):
    """Revokes the refresh token."""

    repetition = Repetition.REFUSED
    operations = {"POST": Operation("logout", "Sign out", body=RefreshBody, status=204)}

    permission_classes = [IsAuthenticated]

    def post(self, request: Request) -> Response:
        _refresh_token(request).use_up()
        record(
            actor=request.user,
            action="logout",
            object_type="user",
            object_id=request.user.get_username(),
        )
        return Response(status=204)


class MeView(Endpoint):
    """The signed-in user, or who a token stands for, and what they may do."""

    operations = {"GET": Operation("getMe", "Read who one is and what one may", answer=MeAnswer)}

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        token = request.auth if isinstance(request.auth, ApiToken) else None
        me = {
            "username": request.user.get_username(),
            "roles": sorted(roles_of(request.user)),
            "permissions": sorted(p for p in Permission if may(request.user, p)),
            "token": token,
        }
        return Response(MeAnswer(me).data)


def _password_mark(user: User) -> str:
    """Changes with the user's password, and tells nothing about it."""
    return str(user.get_session_auth_hash())[:16]


def _refresh_token(request: Request) -> PortalRefreshToken:
    body = valid_body(RefreshBody, request)
    try:
        return PortalRefreshToken(body["refresh_token"])
    except TokenError:
        raise AuthenticationFailed(_EXPIRED) from None


def _tokens(token: PortalRefreshToken) -> dict[str, Any]:
    return {
        "access_token": str(token.access_token),
        "refresh_token": str(token),
        "token_type": "Bearer",
        "expires_in": int(token.access_token.lifetime.total_seconds()),
    }
