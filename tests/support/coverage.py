"""Coverage, seen and prepared by SQL and rows of the tests' own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from core.window import Window
from execution.coverage import CoverageState
from execution.models import CoverageInterval
from loaders.models import Loader, LoaderState
from tests.support.scenes import HOUR, START


def hour(number: float) -> datetime:
    """So many hours after the start of a scene's time."""
    return START + number * HOUR


def hours(first: float, last: float) -> Window:
    """A stretch between two of them."""
    return Window(hour(first), hour(last))


def cover(
    loader: Loader, *stretches: tuple[float, float, str], watermark: float | None = None
) -> None:
    """Store stretches of hours, `(0, 6, "LOADED")`, and move the watermark."""
    CoverageInterval.objects.bulk_create(
        CoverageInterval(
            loader=loader,
            range_from=hour(first),
            range_to=hour(last),
            state=CoverageState(state),
            load_history_id=UUID(int=1),
            rec_count=0,
        )
        for first, last, state in stretches
    )
    if watermark is not None:
        LoaderState.objects.filter(pk=loader.pk).update(last_load_timestamp=hour(watermark))


def stored(loader_code: str = "ORDERS_HOURLY") -> list[tuple[float, float, str, int | None]]:
    """What is stored, in hours after the start, by SQL of the test's own."""
    return [
        ((first - START) / HOUR, (last - START) / HOUR, state, count)
        for first, last, state, count in rows(
            "SELECT range_from, range_to, state, rec_count FROM loader.coverage "
            "WHERE loader_code = %s ORDER BY range_from",
            [loader_code],
        )
    ]


def rows(statement: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """The answer to a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or [])
        return list(cursor.fetchall())
