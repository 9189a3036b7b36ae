"""Shared pieces of API views."""

from __future__ import annotations

from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from core.api.json import rename, underscore

Body = TypeVar("Body", bound=BaseSerializer[Any])


def valid_body(
    serializer: type[Body], request: Request, *, partial: bool = False
) -> dict[str, Any]:
    """The request's body, checked. Raises DRF's ValidationError (answered with 422)."""
    body = serializer(data=request.data, partial=partial, context={"request": request})
    body.is_valid(raise_exception=True)
    validated: dict[str, Any] = body.validated_data
    return validated


def valid_parameters(serializer: type[Body], request: Request) -> dict[str, Any]:
    """The parameters behind the address's question mark, checked as a body is."""
    parameters = serializer(data=rename(request.query_params.dict(), underscore))
    parameters.is_valid(raise_exception=True)
    validated: dict[str, Any] = parameters.validated_data
    return validated
