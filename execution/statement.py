"""The text that a run sends to its source."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime

from core.correlation import correlation_id
from core.window import Window
from loaders.definition import RunSettings
from loaders.placeholders import bind
from loaders.source_time import parse_stamp, render
from loaders.sql_guard import executable_text

_UNSAFE = re.compile(r"[^A-Za-z0-9._:-]")


def statement_of(governed: RunSettings, window: Window, quote: Callable[[str | int], str]) -> str:
    """The definition's text with the window's bounds in place of the placeholders, behind a comment
    with the correlation id of the work at hand: who watches the source finds the request by it."""
    from_literal, to_literal = (
        quote(render(instant, governed.time_format, governed.zone))
        for instant in (window.start, window.end)
    )
    text = executable_text(governed.loader_sql, governed.db_type)
    bound = bind(text, governed.db_type, from_literal=from_literal, to_literal=to_literal)
    return f"{told_by(correlation_id())} {bound}"


def told_by(correlation: str) -> str:
    """A plain comment for the source's own logs and lists of queries. It comes first, because those
    cut long statements off; nothing in it can end it or give it a meaning."""
    return f"/* loaderportal correlation_id={_UNSAFE.sub('', correlation)} */"


def stamp_parser(governed: RunSettings) -> Callable[[str], datetime]:
    """Reads a returned LOAD_TIME_STAMP as aware UTC; raises StampError."""
    return functools.partial(parse_stamp, fmt=governed.time_format, zone=governed.zone)
