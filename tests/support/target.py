"""The target store, seen and prepared by SQL of the tests' own."""

from __future__ import annotations

from typing import Any

from django.db import connection

from tests.support.scenes import HOUR, START


def signals(loader_code: str = "ORDERS_HOURLY") -> list[tuple[Any, ...]]:
    """What stands in the target, by SQL of the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.load_time_stamp, c.segment_1, c.segment_2, s.rec_count, s.value_count, "
            "s.sum_val FROM signals.signals_history s JOIN signals.segment_combination c "
            "USING (segment_code) WHERE s.loader_code = %s ORDER BY 1, 2, 3",
            [loader_code],
        )
        return list(cursor.fetchall())


def plant(loader_code: str, hours: float) -> None:
    """A signal of unknown origin in the target."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT signals.ensure_partition(%s)", [START])
        cursor.execute(
            "INSERT INTO signals.segment_combination VALUES ('00000000-0000-8000-8000-000000000000'"
            f"{', %s' * 10}) ON CONFLICT DO NOTHING",
            ["planted", *[""] * 9],
        )
        cursor.execute(
            "INSERT INTO signals.signals_history (loader_code, load_time_stamp, segment_code, "
            "rec_count, load_history_id) VALUES (%s, %s, '00000000-0000-8000-8000-000000000000', "
            "7, '00000000-0000-7000-8000-000000000000')",
            [loader_code, START + hours * HOUR],
        )
