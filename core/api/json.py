"""camelCase JSON at the border, snake_case inside (spec 10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer

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


class CamelCaseParser(JSONParser):
    """Takes bodies in camelCase."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return rename(super().parse(stream, media_type, parser_context), underscore)
