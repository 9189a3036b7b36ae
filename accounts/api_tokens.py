"""`tokens/`: API tokens of one's own; everybody's, for administrators (spec 10)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiToken
from accounts.roles import Permission, Role
from accounts.tokens import (
    TokenNotFoundError,
    create_token,
    get_token,
    revoke_token,
    tokens_seen_by,
)
from core.api.idempotency import Repetition
from core.api.operations import Operation
from core.api.serializers import Parameters, Strict
from core.api.views import Endpoint, ListEndpoint, valid_body


class TokenAnswer(serializers.Serializer[ApiToken]):
    """A token without the token itself: that is shown once, when it is made."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    owner = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(list(Role))
    state = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry")
    last_used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revoked_by = serializers.CharField(source="revoked_by.username", default=None)

    def get_state(self, token: ApiToken) -> str:
        """VALID, EXPIRED or REVOKED, by the database's clock."""
        return token.state.value


class NewTokenAnswer(TokenAnswer):
    """A token that was just made: `token` is shown this once."""

    token = serializers.SerializerMethodField()

    def get_token(self, made: ApiToken) -> str:
        """What the owner is to keep."""
        return str(self.context["text"])


class TokenBody(Strict):
    """Body of `POST tokens`."""

    name = serializers.CharField(max_length=64)
    role = serializers.CharField(max_length=16)
    expires_in_days = serializers.IntegerField(required=False, min_value=1, max_value=100_000)


class TokenFilter(Parameters):
    """Parameters of `GET tokens`, besides those of the pages."""

    owner = serializers.CharField(required=False, max_length=150)


class TokenList(ListEndpoint[ApiToken]):
    """One's tokens; POST makes one."""

    repetition = Repetition.REFUSED

    needs = {"GET": Permission.OWN_TOKENS, "POST": Permission.OWN_TOKENS}
    operations = {
        "GET": Operation(
            "listTokens", "List API tokens", "One's own; everybody's, for administrators."
        ),
        "POST": Operation(
            "createToken",
            "Make an API token",
            "The token is shown once. It carries its role, and never more than its owner's.",
            body=TokenBody,
            answer=NewTokenAnswer,
            status=201,
        ),
    }
    parameters = TokenFilter
    serializer_class = TokenAnswer

    def get_queryset(self) -> Any:
        tokens = tokens_seen_by(self.request.user)
        owner = self.asked.get("owner")
        return tokens.filter(user__username=owner) if owner else tokens

    def post(self, request: Request) -> Response:
        body = valid_body(TokenBody, request)
        made = create_token(
            actor=request.user,
            name=body["name"],
            role=body["role"],
            days=body.get("expires_in_days"),
        )
        answer = NewTokenAnswer(made.row, context={"text": made.text}).data
        return Response(answer, status=201, headers={"Cache-Control": "no-store"})


class TokenDetail(Endpoint):
    """One token; DELETE revokes it, and does no harm twice."""

    needs = {"GET": Permission.OWN_TOKENS, "DELETE": Permission.OWN_TOKENS}
    operations = {
        "GET": Operation(
            "getToken",
            "Read an API token",
            "The token itself is not shown again.",
            answer=TokenAnswer,
            errors=(TokenNotFoundError,),
        ),
        "DELETE": Operation(
            "revokeToken",
            "Revoke an API token",
            "It opens nothing any more. Revoking it twice does no harm.",
            status=204,
            errors=(TokenNotFoundError,),
        ),
    }

    def get(self, request: Request, token_id: UUID) -> Response:
        return Response(TokenAnswer(get_token(token_id, user=request.user)).data)

    def delete(self, request: Request, token_id: UUID) -> Response:
        revoke_token(actor=request.user, token=get_token(token_id, user=request.user))
        return Response(status=204)
