"""Shared pieces of API views: the manners that all of them have, and checked bodies (spec 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import TooManyFieldsSent
from django.db.models import Model
from rest_framework.exceptions import (
    APIException,
    NotAcceptable,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from core.api.idempotency import Repetition, answer_once, key_of
from core.api.operations import WITH_BODY, Operation
from core.api.serializers import NothingBody, Parameters, Several
from core.api.throttle import count_request
from core.camel_case import camelize, underscore
from core.errors import PortalError

Row = TypeVar("Row", bound=Model)
Body = TypeVar("Body", bound=BaseSerializer[Any])


_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Endpoint(APIView):
    """Base of every API view: requests are counted for their user, what stands behind the question
    mark is checked, and a POST that comes with an Idempotency-Key is answered once."""

    repetition = Repetition.ANSWERED

    operations: Mapping[str, Operation]
    """What the OpenAPI document says of each method."""

    parameters: type[Parameters] = Parameters
    """What GET may be asked, checked before the handler runs; the other methods take nothing."""

    asked: dict[str, Any]
    """The values of the parameters, as `parameters` made them."""

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count the request, also one that then is refused: guessing at
        tokens must not be free. Raises TooManyRequestsError."""
        try:
            super().perform_authentication(request)
        except (APIException, PortalError):
            count_request(request, None)
            raise
        count_request(request, request.user)

    def perform_content_negotiation(
        self,
        request: Request,
        force: bool = False,  # noqa: FBT001 - DRF's signature
    ) -> Any:
        """DRF looks first whether it can answer in the form that is asked for: where it can't, the
        request counts all the same. Raises NotAcceptable, TooManyRequestsError."""
        try:
            return super().perform_content_negotiation(request, force)
        except NotAcceptable:
            self.perform_authentication(request)
            raise

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Once it is settled that the user may: check the parameters, refuse a body that nobody
        reads, and put the handler behind the memory of answers, where the request names a key. DRF
        looks the handler up only after this. Raises ValidationError, ParseError and
        UnsupportedMediaType."""
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            self.http_method_not_allowed(request, *args, **kwargs)
        self.asked = self.check_parameters(request)
        if request.method in WITH_BODY:
            _refuse_unreadable_body(request)
        handler = getattr(self, "post", None)
        if request.method != "POST" or handler is None:
            return
        if self.operations["POST"].body is None:
            valid_body(NothingBody, request)
        key = key_of(request, self.repetition)
        if key is not None:
            self.__dict__["post"] = lambda *args, **kwargs: answer_once(
                key, request, lambda: handler(*args, **kwargs)
            )

    def check_parameters(self, request: Request) -> dict[str, Any]:
        """Values of the request's parameters. Raises ValidationError, for unknown ones too."""
        reads = request.method in _READS
        return valid_parameters(self.parameters if reads else Parameters, request)


class ListEndpoint(Endpoint, ListAPIView[Row]):
    """A list with pages, which parameters of their own choose."""

    def check_parameters(self, request: Request) -> dict[str, Any]:
        if request.method not in _READS:
            return super().check_parameters(request)
        paginator: Any = self.paginator
        return valid_parameters(self.parameters, request, pages=paginator.parameters)


def _refuse_unreadable_body(request: Request) -> None:
    """Refuse a body that Django or DRF would take for none. Raises ParseError, and
    UnsupportedMediaType."""
    if "Transfer-Encoding" in request.headers:
        raise ParseError("Send the body in one piece, with a Content-Length.")
    has_body = request.META.get("CONTENT_LENGTH") not in {None, "", "0"}
    negotiator: Any = request.negotiator
    if has_body and negotiator.select_parser(request, request.parsers) is None:
        raise UnsupportedMediaType(request.content_type)


def valid_body(
    serializer: type[Body], request: Request, *, partial: bool = False
) -> dict[str, Any]:
    """The request's body, checked. Raises DRF's ValidationError (answered with 422)."""
    body = serializer(data=request.data, partial=partial, context={"request": request})
    body.is_valid(raise_exception=True)
    validated: dict[str, Any] = body.validated_data
    return validated


def valid_parameters(
    serializer: type[Body], request: Request, *, pages: type[Parameters] | None = None
) -> dict[str, Any]:
    """The parameters behind the address's question mark, checked as a body is; those that choose
    the page of a list by `pages`. Raises DRF's ValidationError."""
    parameters = serializer()
    given = _given(request, parameters)
    if pages is not None:
        names = pages().fields
        of_pages = {name: given.pop(name) for name in list(given) if name in names}
        pages(data=of_pages).is_valid(raise_exception=True)
    checked = serializer(data=given)
    checked.is_valid(raise_exception=True)
    validated: dict[str, Any] = checked.validated_data
    return validated


def _given(request: Request, parameters: BaseSerializer[Any]) -> dict[str, str]:
    """Each parameter once. Raises ValidationError for one that is given several times and takes
    one value: neither of them should pass silently."""
    given, twice = {}, []
    fields = getattr(parameters, "fields", {})
    try:
        named = list(request.query_params.lists())
    except TooManyFieldsSent:
        raise ValidationError({"parameters": ["There are too many of them."]}) from None
    for written, values in named:
        name = underscore(written)
        if name in given or (len(values) > 1 and not isinstance(fields.get(name), Several)):
            twice.append(name)
        given[name] = ",".join(values)
    if twice:
        raise ValidationError({name: [f"Give {camelize(name)} once."] for name in twice})
    return given
