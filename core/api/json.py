"""camelCase JSON at the border, snake_case inside (spec 10)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.utils import json

from core.camel_case import camelize, rename, underscore
from core.errors import TerminalError


class CamelCaseRenderer(JSONRenderer):
    """Answers in camelCase."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        rendered: bytes = super().render(
            rename(data, camelize), accepted_media_type, renderer_context
        )
        return rendered


class BodyTooLargeError(TerminalError):
    """The body is longer than the address takes."""

    code = "BODY_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class CamelCaseParser(JSONParser):
    """Takes bodies in camelCase. Django bounds their length (DATA_UPLOAD_MAX_MEMORY_SIZE)."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return rename(_parsed(stream.read()), underscore)


class LargeBodyParser(BaseParser):
    """Takes long bodies, up to `most_bytes`. Their members' members keep the names they came with:
    to rename so many takes longer than all else. (DRF reads the body for a JSONParser, within
    Django's bound for ordinary ones.)"""

    media_type = "application/json"
    most_bytes = 16 * 1024 * 1024

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(self.most_bytes + 1)
        if len(body) > self.most_bytes:
            raise BodyTooLargeError(
                f"The body is longer than {self.most_bytes} bytes: send it in several requests."
            )
        parsed = _parsed(body)
        if not isinstance(parsed, dict):
            return parsed
        return {underscore(name): value for name, value in parsed.items()}


def _parsed(body: bytes) -> Any:
    """Strict JSON: no NaN, no infinity. Raises ParseError."""
    try:
        return json.loads(body.decode(), parse_constant=json.strict_constant)
    except RecursionError:
        message = "it is nested too deeply"
    except ValueError as error:
        message = str(error)
    raise ParseError(f"JSON parse error - {message}")
