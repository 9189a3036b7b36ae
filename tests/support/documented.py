"""Holds every answer that a test has from the API against the OpenAPI document: status, media
type, headers and body. So the document is checked by all tests of the API, also where a race or a
failure is needed to come to an answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jsonschema_rs
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.views import Endpoint
from loaderportal.api_document import document
from tests.support.every_page import template_of

_ANYWHERE = 405
"""Told once for all addresses."""


def as_json_schema(form: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(form, list):
        return [as_json_schema(item) for item in form]
    if not isinstance(form, dict):
        return form
    told = {key: as_json_schema(value) for key, value in form.items() if key != "nullable"}
    return {"anyOf": [told, {"type": "null"}]} if form.get("nullable") is True else told


@cache
def validator_of(form: str) -> Any:
    """Checks what the schema, as JSON, describes; it may refer to the document's components."""
    components = {"schemas": _schemas()}
    whole = {**as_json_schema(json.loads(form)), "components": components}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


@cache
def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = as_json_schema(
        json.loads(json.dumps(document()["components"]["schemas"]))
    )
    return schemas


def undocumented(request: Request, response: HttpResponseBase) -> str:
    """What of the answer the document does not say, in a sentence; empty if nothing."""
    match = request.resolver_match
    method = "GET" if request.method == "HEAD" else str(request.method)
    if match is None or response.status_code == _ANYWHERE or method == "OPTIONS":
        return ""
    path = f"/{template_of(match.route)}"
    where = f"{method} {path} answered {response.status_code}"
    operation = document()["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return f"{where}, and the document has no such operation."
    answer = operation["responses"].get(str(response.status_code))
    if answer is None:
        return f"{where}, which the document does not list: {_content(response)[:300]!r}"
    if "$ref" in answer:
        answer = document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    if "ETag" in response.headers and "ETag" not in answer["headers"]:
        return f"{where} with an ETag, which the document does not list."
    return _wrong_body(where, answer, response, has_body=request.method != "HEAD")


def _wrong_body(
    where: str, answer: dict[str, Any], response: HttpResponseBase, *, has_body: bool
) -> str:
    content = _content(response)
    if not content and ("content" not in answer or not has_body):
        return ""
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if media_type not in answer.get("content", {}):
        return f"{where} as {media_type or 'nothing'}, which the document does not list."
    if not media_type.endswith("json"):
        return ""
    form = json.dumps(answer["content"][media_type]["schema"], sort_keys=True)
    wrong = next(iter(validator_of(form).iter_errors(json.loads(content))), None)
    return "" if wrong is None else f"{where} otherwise than documented: {wrong}"


def _content(response: HttpResponseBase) -> bytes:
    content = bytes(getattr(response, "content", b""))
    return gzip.decompress(content) if response.headers.get("Content-Encoding") else content


@contextmanager
def answers_watched() -> Iterator[list[str]]:
    """While it lasts, what answers have that the document does not say comes into the list."""
    found: list[str] = []
    finalize: Any = Endpoint.finalize_response

    def watched(view: Any, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = finalize(view, request, response, *args, **kwargs)

        def look(rendered: HttpResponseBase) -> None:
            wrong = undocumented(request, rendered)
            if wrong:
                found.append(wrong)

        if isinstance(answer, Response) and not answer.is_rendered:
            answer.add_post_render_callback(look)
        else:
            look(answer)
        return answer

    setattr(Endpoint, "finalize_response", watched)  # noqa: B010 - mypy minds the assignment
    try:
        yield found
    finally:
        setattr(Endpoint, "finalize_response", finalize)  # noqa: B010
