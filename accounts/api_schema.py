"""The role table in the OpenAPI document: which permission each method needs, and who has it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.plumbing import build_mock_request

from accounts.roles import ROLE_TABLE, SYSTEM, Permission, Role
from accounts.token_use import TokenExpiredError, TokenRefusedError, TokenRevokedError
from core.api.openapi.schema import EndpointSchema


class RoleSchema(EndpointSchema):
    """Operations with `x-permission` and `x-roles`, and with a sentence for people."""

    signing_in = (TokenRefusedError, TokenExpiredError, TokenRevokedError)

    @property
    def permission(self) -> Permission | None:
        """None where signing in is enough, or is not asked for."""
        needed: Permission | None = getattr(self.view, "needs", {}).get(self.method)
        return needed

    @property
    def roles(self) -> list[str]:
        """Who has it, in the order of the roles."""
        allowed = ROLE_TABLE[self.permission] if self.permission else frozenset(Role)
        return [role.value for role in Role if role in allowed]

    def permission_text(self) -> str:
        if self.is_open:
            return "Open to everybody."
        if self.permission is None:
            return "Open to everybody who is signed in."
        return f"Needs the permission `{self.permission.value}`: {', '.join(self.roles)}."

    def get_extensions(self) -> dict[str, Any]:
        if self.is_open or self.permission is None:
            return {}
        return {"x-permission": self.permission.value, "x-roles": self.roles}


def mock_request(method: str, path: str, view: Any, original_request: Any, **kwargs: Any) -> Any:
    """The request that answers are described for: of somebody who may see everything."""
    request = build_mock_request(method, path, view, original_request, **kwargs)
    request.user = SYSTEM
    return request
