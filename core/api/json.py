"""camelCase JSON at the border, snake_case inside (spec 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer

from core.errors import TerminalError

_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")
_LOWER = re.compile(r"_([a-z0-9])")


def camelize(name: str) -> str:
    """`loader_code` to `loaderCode`."""
    return _LOWER.sub(lambda match: match.group(1).upper(), name)


def underscore(name: str) -> str:
    """`loaderCode` to `loader_code`."""
    return _UPPER.sub(r"_\1", name).lower()


def rename(data: Any, how: Callable[[str], str]) -> Any:
    """The data with every key renamed, however deep."""
    if isinstance(data, Mapping):
        return {how(str(key)): rename(value, how) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [rename(item, how) for item in data]
    return data


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
    """Takes bodies in camelCase, up to a length: who sends more costs no memory."""

    most_bytes = 2 * 1024 * 1024

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
        try:
            parsed = super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("JSON parse error - it is nested too deeply") from None
        return self.named(parsed)

    def named(self, parsed: Any) -> Any:
        """What was parsed, under our names."""
        return rename(parsed, underscore)
