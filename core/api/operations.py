"""What a view says about each of its methods, for the OpenAPI document (spec 10).

A view names its operations by method, beside `needs`:

    operations = {"POST": Operation("runLoader", "Start a run", answer=AcceptedAnswer, status=202)}

All else is taken from the view itself: see `core.api.openapi.schema`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rest_framework.serializers import BaseSerializer

from core.errors import PortalError

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests may have a body."""


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    `id` is stable: generated clients name their functions by it. `description` is the view's
    docstring unless given. `answer` is the form of the answer of `status`; none for 204, and for
    GET of a ListEndpoint the page of its `serializer_class`. `body` is the
    serializer that checks the body. `errors` are those
    that this operation can be answered with, besides those that any operation of its kind can.
    """

    id: str
    summary: str
    description: str = ""
    answer: type[BaseSerializer[Any]] | None = None
    status: int = HTTPStatus.OK
    body: type[BaseSerializer[Any]] | None = None
    body_is_optional: bool = False
    """Whether no body at all will do."""
    files: tuple[str, ...] = ()
    """Media types that the answer comes in besides JSON, or instead of it where there is no
    `answer`."""
    errors: Iterable[type[PortalError]] = ()
    has_etag: bool = False
    """Whether the answer carries an ETag."""
    takes_if_match: bool = False
    takes_if_none_match: bool = False
    tag: str = ""
    """The group it is listed in; else by the first part of its address."""
