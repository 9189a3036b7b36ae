"""Shared pieces of API views: the manners that all of them have, and checked bodies (spec 10)."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from rest_framework.exceptions import APIException
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from core.api.idempotency import Repetition, answer_once, key_of
from core.api.json import rename, underscore
from core.api.throttle import count_request
from core.errors import PortalError

Row = TypeVar("Row", bound=Model)
Body = TypeVar("Body", bound=BaseSerializer[Any])


class Endpoint(APIView):
    """Base of every API view: requests are counted for their user, and a POST that comes with an
    Idempotency-Key is answered once."""

    repetition = Repetition.ANSWERED

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count the request, also one that then is refused: guessing at
        tokens must not be free. Raises TooManyRequestsError."""
        try:
            super().perform_authentication(request)
        except (APIException, PortalError):
            count_request(request, None)
            raise
        count_request(request, request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once it is settled that the user may: put the handler behind the memory of answers, where
        the request names a key. DRF looks the handler up only after this."""
        super().initial(request, *args, **kwargs)
        handler = getattr(self, "post", None)
        if request.method != "POST" or handler is None:
            return
        key = key_of(request, self.repetition)
        if key is not None:
            self.__dict__["post"] = lambda *args, **kwargs: answer_once(
                key, request, lambda: handler(*args, **kwargs)
            )


class ListEndpoint(Endpoint, ListAPIView[Row]):
    """A list with pages."""


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
