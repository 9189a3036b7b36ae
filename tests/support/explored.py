"""Loaders with signals that the explorer can show, without runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.window import Window
from loaders import services
from loaders.models import Loader
from signals.models import LoaderSegment, SegmentCombination, SegmentDescription
from signals.partitions import ensure_partitions
from signals.rollups import rebuild
from signals.segments import segment_code
from tests.support.people import People
from tests.support.teams import simulated_source

START = datetime(2026, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Shop:
    """People, a loader with a signal an hour of two channels, and a loader that has none."""

    def __init__(self) -> None:
        self.people = People()
        self.source = simulated_source(self.people, "SHOP")
        self.loader = self.add_loader("ORDERS_HOURLY", 3600)
        self.web = self.add_channel("web")
        self.app = self.add_channel("<b>app</b>")
        SegmentDescription.objects.create(segment_code=self.web, description="Sold on the web")
        # Hours 0 to 47; of hours 20 to 22 there is nothing.
        for code, value in ((self.web, "10 + n"), (self.app, "1000 - n")):
            self.add_signals(code, value, where="n NOT BETWEEN 20 AND 22")

    def add_loader(self, code: str, grain: int, **more: Any) -> Loader:
        values = {"loader_code": code, "loader_sql": "x", "grain_seconds": grain, **more}
        return services.create_loader(
            user=self.people.admin,
            values={**values, "source_database": self.source, "description": f"About {code}"},
        )

    def add_channel(self, name: str, loader_code: str = "ORDERS_HOURLY") -> UUID:
        """A combination of segments that the loader has brought; its code."""
        texts = ["Riyadh", name, *[""] * 8]
        code = segment_code([text.encode() for text in texts])
        named = {f"segment_{number}": text for number, text in enumerate(texts, start=1)}
        SegmentCombination.objects.create(segment_code=code, **named)
        LoaderSegment.objects.create(loader_code=loader_code, segment_code=code)
        return code

    def add_signals(
        self,
        code: UUID,
        value: str,
        *,
        start: datetime = START,
        step: timedelta = HOUR,
        number: int = 48,
        where: str = "true",
        loader_code: str = "ORDERS_HOURLY",
    ) -> None:
        """A signal a step from the start on; its value, and whether there is one, by SQL over the
        number of its step, `n`."""
        window = Window(start, start + number * step)
        ensure_partitions(window)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO signals_history "
                "SELECT %s, %s + n * %s::interval, %s, 1, 1, v, v, v, v, %s "
                f"FROM generate_series(0, %s) AS n, LATERAL (SELECT ({value})::float AS v) made "
                f"WHERE {where}",
                [loader_code, start, f"{step.total_seconds()} s", code, code, number - 1],
            )
            rebuild(loader_code=loader_code, window=window)
