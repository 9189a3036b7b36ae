"""`auth/`: sign in and out, and who am I (spec 10)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.roles import Permission, may, roles_of
from audit.services import record
from core.api.serializers import Strict
from core.api.views import valid_body


class LoginBody(Strict):
    """Body of `auth/login`."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=256, trim_whitespace=False)


class RefreshBody(Strict):
    """Body of `auth/refresh` and `auth/logout`."""

    refresh_token = serializers.CharField(max_length=4096)


class LoginView(APIView):
    """A short access token and a refresh token for a name and password."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def post(self, request: Request) -> Response:
        body = valid_body(LoginBody, request)
        name = body["username"]
        user = authenticate(request, username=name, password=body["password"])
        if user is None:
            record(actor=None, action="login.failed", object_type="user", object_id=name[:64])
            raise AuthenticationFailed("Name or password is wrong.")
        record(actor=user, action="login", object_type="user", object_id=user.get_username())
        return Response(_tokens(RefreshToken.for_user(user)))


class RefreshView(APIView):
    """New tokens for a refresh token, which is used up."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def post(self, request: Request) -> Response:
        token = _refresh_token(request)
        token.blacklist()
        token.set_jti()
        token.set_exp()
        token.set_iat()
        token.outstand()
        return Response(_tokens(token))


class LogoutView(APIView):
    """Revokes the refresh token."""

    permission_classes = [IsAuthenticated]

    def post(self, request: Request) -> Response:
        _refresh_token(request).blacklist()
        record(
            actor=request.user,
            action="logout",
            object_type="user",
            object_id=request.user.get_username(),
        )
        return Response(status=204)


class MeView(APIView):
    """The signed-in user and what the user may do."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        return Response(
            {
                "username": request.user.get_username(),
                "roles": sorted(roles_of(request.user)),
                "permissions": sorted(p for p in Permission if may(request.user, p)),
            }
        )


def _refresh_token(request: Request) -> RefreshToken:
    body = valid_body(RefreshBody, request)
    try:
        return RefreshToken(body["refresh_token"])
    except TokenError:
        raise AuthenticationFailed("The refresh token is not valid any more. Log in.") from None


def _tokens(token: RefreshToken) -> dict[str, Any]:
    return {
        "access_token": str(token.access_token),
        "refresh_token": str(token),
        "token_type": "Bearer",
        "expires_in": int(token.access_token.lifetime.total_seconds()),
    }
