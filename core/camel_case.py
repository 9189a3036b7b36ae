"""Names as JSON has them, in camelCase, and as Python has them, in snake_case."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")
_LOWER = re.compile(r"_([a-z0-9])")
_PLAIN = (str, int, float, type(None))


@functools.lru_cache(maxsize=4096)
def camelize(name: str) -> str:
    """`loader_code` to `loaderCode`."""
    return _LOWER.sub(lambda match: match.group(1).upper(), name)


def underscore(name: str) -> str:
    """`loaderCode` to `loader_code`."""
    return _UPPER.sub(r"_\1", name).lower()


def rename(data: Any, how: Callable[[str], str]) -> Any:
    """The data with every key renamed, however deep."""
    if isinstance(data, _PLAIN):
        return data  # most of all there is; to ask about a Mapping is dear
    if isinstance(data, Mapping):
        return {how(str(key)): rename(value, how) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [rename(item, how) for item in data]
    return data
