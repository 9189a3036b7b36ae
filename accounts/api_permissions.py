"""The role table at the API: each view says what each method needs; what it doesn't say is
refused."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request

from accounts.roles import require


class MayByRole(IsAuthenticated):
    """Lets through who has the permission that the view names for the method, before the body is
    looked at. Raises PermissionDeniedError."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        method = "GET" if request.method in {"HEAD", "OPTIONS"} else str(request.method)
        permission = view.needs.get(method)
        if permission is None:
            return method not in {m.upper() for m in view.http_method_names if hasattr(view, m)}
        require(request.user, permission)
        return True
