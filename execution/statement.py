"""The text that a run sends to its source."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

from core.window import Window
from loaders.definition import RunSettings
from loaders.placeholders import bind
from loaders.source_time import parse_stamp, render
from loaders.sql_guard import executable_text


def statement_of(governed: RunSettings, window: Window, quote: Callable[[str | int], str]) -> str:
    """The definition's text with the window's bounds in place of the placeholders."""
    from_literal, to_literal = (
        quote(render(instant, governed.time_format, governed.zone))
        for instant in (window.start, window.end)
    )
    text = executable_text(governed.loader_sql, governed.db_type)
    return bind(text, governed.db_type, from_literal=from_literal, to_literal=to_literal)


def stamp_parser(governed: RunSettings) -> Callable[[str], datetime]:
    """Reads a returned LOAD_TIME_STAMP as aware UTC; raises StampError."""
    return functools.partial(parse_stamp, fmt=governed.time_format, zone=governed.zone)
