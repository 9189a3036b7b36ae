"""The one place that turns views into operations of the OpenAPI document (spec 10).

A view says what only it knows (`core.api.operations`). Everything else is derived: parameters from
its address, serializers and manners (`repetition`, entity tags), answers from its serializers, and
the problems that any endpoint of its kind can be answered with.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny

from core.api.idempotency import (
    IdempotencyKeyInProgressError,
    IdempotencyKeyInvalidError,
    IdempotencyKeyNotAcceptedError,
    IdempotencyKeyReusedError,
    Repetition,
)
from core.api.json import BodyTooLargeError
from core.api.openapi.problems import answer_of, codes_of
from core.api.operations import WITH_BODY, Operation
from core.api.problems import BAD_REQUEST
from core.api.serializers import NumberedPageParameters, SeveralField, SeveralIdsField, Strict
from core.api.throttle import TooManyRequestsError
from core.errors import PortalError
from core.keyring import DecryptionError

_SEVERAL = "One or several, by commas or by naming the parameter again."
_FILES: dict[str, dict[str, str]] = {"application/yaml": {}, "text/csv": {"type": "string"}}
_ANSWERED = (
    IdempotencyKeyInvalidError,
    IdempotencyKeyReusedError,
    IdempotencyKeyInProgressError,
)


class EndpointSchema(AutoSchema):  # type: ignore[misc] # drf-spectacular is not checked here
    """An operation of one view. The permissions are told by a class of a higher floor."""

    signing_in: ClassVar[tuple[type[PortalError], ...]] = ()
    """What a request can be answered with because of the token that it brings."""

    @property
    def operation(self) -> Operation:
        """What the view says of the method; a warning, which fails a test, if it says nothing."""
        said: Operation | None = getattr(self.view, "operations", {}).get(self.method)
        if said is None:
            name = type(self.view).__name__
            warn(f"{name} says nothing of {self.method}: give it an Operation in `operations`.")
            return Operation(f"{name}{self.method}", "")
        return said

    @property
    def is_open(self) -> bool:
        """Whether nobody has to sign in for it."""
        return any(isinstance(p, AllowAny) for p in self.view.get_permissions())

    @property
    def is_page(self) -> bool:
        """Whether the answer is a page of a list."""
        return self.method == "GET" and isinstance(self.view, ListAPIView)

    # --- what is said in words --------------------------------------------------------------------

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_summary(self) -> str:
        return self.operation.summary

    def get_description(self) -> str:
        text = self.operation.description or get_doc(type(self.view))
        return "\n\n".join(part for part in (text, self.permission_text()) if part)

    def permission_text(self) -> str:
        """Who may, in a sentence."""
        return ""

    def get_tags(self) -> list[str]:
        return [self.operation.tag or self._tokenize_path()[0]]

    def get_auth(self) -> list[dict[str, list[str]]]:
        return [] if self.is_open else [{"bearer": []}, {"session": []}]

    # --- what is sent -----------------------------------------------------------------------------

    def get_request_serializer(self) -> Any:
        return self.operation.body

    def _get_request_body(self, direction: Any = "request") -> Any:
        if self.operation.body is None:
            return None
        body = super()._get_request_body(direction)
        if body is not None and self.operation.body_is_optional:
            body.pop("required", None)
        elif body is not None:
            body["required"] = True
        return body

    def get_override_parameters(self) -> list[Any]:
        """What stands behind the question mark: the parameters of the view, and those that choose
        its page."""
        if self.method != "GET":
            return []
        paginator: Any = self.view.pagination_class if self.is_page else None
        named = [self.view.parameters, *([paginator.parameters] if paginator else [])]
        return [serializer for serializer in named if serializer().fields]

    def _get_parameters(self) -> list[dict[str, Any]]:
        return [
            *self._resolve_path_parameters(self._path_variables()),
            *self._process_override_parameters().values(),
            *self._headers(),
        ]

    def _path_variables(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def _headers(self) -> Iterable[dict[str, Any]]:
        operation = self.operation
        if self.method == "POST" and self.view.repetition is Repetition.ANSWERED:
            yield {"$ref": "#/components/parameters/IdempotencyKey"}
        if operation.takes_if_match:
            yield {"$ref": "#/components/parameters/IfMatch"}
        if operation.takes_if_none_match:
            yield {"$ref": "#/components/parameters/IfNoneMatch"}
        yield {"$ref": "#/components/parameters/CorrelationId"}

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._resolve_path_parameters(variables)
        for parameter in found:
            pattern = str(parameter["schema"].pop("pattern", ""))
            if "{8}" in pattern and "{12}" in pattern:
                parameter["schema"] = {"type": "string", "format": "uuid"}
            elif pattern == "^[1-9][0-9]{0,8}$":
                parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
            elif pattern:
                parameter["schema"]["pattern"] = pattern
        return found

    # --- what is answered -------------------------------------------------------------------------

    def get_response_serializers(self) -> Any:
        return self.view.serializer_class if self.is_page else self.operation.answer

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        operation = self.operation
        status = str(int(operation.status))
        answer = self._get_response_for_code(
            self.get_response_serializers(), status, None, direction
        )
        answer["description"] = operation.summary
        answer["headers"] = dict(self._answer_headers())
        for media_type in operation.files:
            form = _FILES.get(media_type, {"type": "string", "format": "binary"})
            answer.setdefault("content", {})[media_type] = {"schema": form}
        answers = {status: answer}
        if operation.takes_if_none_match:
            headers = {"ETag": {"$ref": "#/components/headers/ETag"}, **_CORRELATION}
            answers["304"] = {"description": "As the client has it already.", "headers": headers}
        for problem, codes in self._problems().items():
            told = answer_of(problem, codes)
            told["headers"] = {
                **({"Retry-After": _RETRY} if problem == 429 else {}),
                **({"WWW-Authenticate": _AUTHENTICATE} if problem == 401 else {}),
                **_CORRELATION,
            }
            answers[str(problem)] = told
        return answers

    def _answer_headers(self) -> Iterable[tuple[str, Any]]:
        if self.operation.has_etag:
            yield "ETag", {"$ref": "#/components/headers/ETag"}
        if self.method == "POST" and self.view.repetition is Repetition.ANSWERED:
            yield "Idempotent-Replayed", {"$ref": "#/components/headers/IdempotentReplayed"}
        yield from _CORRELATION.items()

    def _problems(self) -> dict[int, dict[str, str]]:
        operation = self.operation
        errors = [*operation.errors, TooManyRequestsError]
        general = [
            (400, BAD_REQUEST),
            (406, "NOT_ACCEPTABLE"),
            (422, "VALIDATION_FAILED"),
            (500, "INTERNAL_ERROR"),
            (503, "DATABASE_UNAVAILABLE"),
        ]
        if not self.is_open:
            errors += self.signing_in
            general += [(401, "NOT_AUTHENTICATED"), (401, "AUTHENTICATION_FAILED")]
            general += [(403, "PERMISSION_DENIED")]
        if self._path_variables():
            errors.append(DecryptionError)
        if self._path_variables() or self.is_page or self._is_numbered():
            general.append((404, "NOT_FOUND"))
        if self.method in WITH_BODY:
            errors.append(BodyTooLargeError)
            general += [(400, "MALFORMED_BODY"), (415, "UNSUPPORTED_MEDIA_TYPE")]
        if self.method == "POST" and self.view.repetition is Repetition.ANSWERED:
            errors += _ANSWERED
        if self.method == "POST" and self.view.repetition is Repetition.REFUSED:
            errors.append(IdempotencyKeyNotAcceptedError)
        return codes_of(errors, general)

    def _is_numbered(self) -> bool:
        return self.method == "GET" and issubclass(self.view.parameters, NumberedPageParameters)

    # --- serializers ------------------------------------------------------------------------------

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return type(serializer).__name__.removesuffix("Answer").removesuffix("Body")

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: Any = False
    ) -> Any:
        if isinstance(field, SeveralField):
            words = {"type": "string", "enum": field.choices}
            most = {"minItems": 1, "maxItems": field.most}
            return {"type": "array", "items": words, **most, "description": _SEVERAL}
        if isinstance(field, SeveralIdsField):
            ids = {"type": "string", "format": "uuid"}
            most = {"minItems": 1, "maxItems": field.most}
            return {"type": "array", "items": ids, **most, "description": _SEVERAL}
        form: Any = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, serializers.DecimalField) and direction == "request":
            names = ("type", "format", "pattern")
            text = {name: form.pop(name) for name in names if name in form}
            form["anyOf"] = [text, {"type": "number"}]
        return form

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> dict[str, Any]:
        """What is left out where a person or version is missing, is null in the answer, and so is
        what the column may lack."""
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)
        if direction == "response" and (
            getattr(field, "default", ...) is None or _column_may_be_null(field)
        ):
            meta["nullable"] = True
        return meta

    def _postprocess_serializer_schema(
        self, schema: dict[str, Any], serializer: Any, direction: Any
    ) -> dict[str, Any]:
        """An answer has all its members always, but those that only some may see; a body has none
        that it doesn't know."""
        schema = super()._postprocess_serializer_schema(schema, serializer, direction)
        if direction == "response":
            sometimes: frozenset[str] = getattr(serializer, "only_for_some", frozenset())
            schema["required"] = [n for n in schema.get("properties", {}) if n not in sometimes]
        elif isinstance(serializer, Strict) and isinstance(serializer, serializers.Serializer):
            schema["additionalProperties"] = False
        return schema


def _column_may_be_null(field: Any) -> bool:
    """Whether the column that a field of a model's serializer shows may be NULL."""
    model: Any = getattr(getattr(field.parent, "Meta", None), "model", None)
    for name in getattr(field, "source_attrs", ()) if model else ():
        try:
            column = model._meta.get_field(name)  # noqa: SLF001 - Django documents it
        except FieldDoesNotExist:
            return False
        if column.concrete and column.null:
            return True
        model = column.related_model
        if model is None:
            return False
    return False


_CORRELATION = {"X-Correlation-ID": {"$ref": "#/components/headers/CorrelationId"}}
_RETRY = {"$ref": "#/components/headers/RetryAfter"}
_AUTHENTICATE = {"$ref": "#/components/headers/WWWAuthenticate"}

COMPONENTS: dict[str, Any] = {
    "parameters": {
        "CorrelationId": {
            "name": "X-Correlation-ID",
            "in": "header",
            "description": "Under which the request is logged, and what it starts; made where it "
            "is missing or is not 1 to 64 letters, digits and `._:-`.",
            "schema": {"type": "string"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "A request that is sent again with the same key within 24 hours is "
            "carried out once, and answered the same.",
            "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
        },
        "IfMatch": {
            "name": "If-Match",
            "in": "header",
            "description": "Do it only if the object still has this entity tag; 412 otherwise.",
            "schema": {"type": "string"},
        },
        "IfNoneMatch": {
            "name": "If-None-Match",
            "in": "header",
            "description": "Answer only if the object has another entity tag by now; 304 "
            "otherwise.",
            "schema": {"type": "string"},
        },
    },
    "headers": {
        "CorrelationId": {
            "description": "Under which the request was logged.",
            "schema": {"type": "string"},
        },
        "ETag": {
            "description": "Changes when what is shown does; for `If-Match` and `If-None-Match`.",
            "schema": {"type": "string"},
        },
        "IdempotentReplayed": {
            "description": "`true` where the answer was given before.",
            "schema": {"type": "string", "enum": ["true"]},
        },
        "RetryAfter": {
            "description": "Seconds to wait before trying again.",
            "schema": {"type": "integer"},
        },
        "WWWAuthenticate": {
            "description": "How to say who asks.",
            "schema": {"type": "string"},
        },
    },
    "securitySchemes": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from `auth/login`, or an API token (`lpt_...`).",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The console's session. Methods that change something need the header "
            "`X-CSRFToken` besides.",
        },
    },
}
