"""Signals put into the target without a run, and their totals computed in Python alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import fsum
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.window import Window
from loaders.models import Loader, LoaderState
from loaders.policies import LoaderKind
from signals.rollups import rebuild

RUN = UUID("00000000-0000-7000-8000-000000000000")


@dataclass(frozen=True)
class Signal:
    """One signal as it stands in the table."""

    at: datetime
    segment: UUID
    rec_count: int | None = 1
    value_count: int | None = 1
    sum_val: float | None = 1.0
    avg_val: float | None = 1.0
    max_val: float | None = 1.0
    min_val: float | None = 1.0


def segment(number: int) -> UUID:
    """The code of a combination."""
    return UUID(int=number << 64 | number)


def make_external(code: str, **values: Any) -> Loader:
    """A loader whose signals come from outside, without the way through approval."""
    loader = Loader.objects.create(loader_code=code, kind=LoaderKind.EXTERNAL, **values)
    LoaderState.objects.create(loader=loader)
    return loader


def put(code: str, signals: Sequence[Signal]) -> None:
    """Write signals, and the rollups over them, as a commit does."""
    first, last = min(s.at for s in signals), max(s.at for s in signals)
    with transaction.atomic():
        insert(code, signals)
        rebuild(loader_code=code, window=Window(first, last + timedelta(microseconds=1)))


def insert(code: str, signals: Iterable[Signal]) -> None:
    """Write signals alone."""
    rows = [(code, *vars(signal).values(), RUN) for signal in signals]
    with connection.cursor() as cursor:
        for month in {row[1].replace(day=1, hour=0, minute=0, second=0) for row in rows}:
            cursor.execute("SELECT signals.ensure_partition(%s)", [month])
        with cursor.copy("COPY signals.signals_history FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def some_signals(start: datetime, count: int, step: timedelta, segments: int = 2) -> list[Signal]:
    """Signals with nulls of every kind, the same ones each time."""
    chance = random.Random(count)
    made = []
    for n in range(count):
        values = [chance.uniform(-50, 50) for _ in range(chance.randint(0, 4))]
        records = len(values) + chance.randint(0, 2)
        knows_counts = chance.random() > 0.1
        made.append(
            Signal(
                at=start + n * step,
                segment=segment(n % segments),
                rec_count=records if knows_counts else None,
                value_count=(len(values) or records) if knows_counts else None,
                sum_val=fsum(values) if values else None,
                avg_val=fsum(values) / len(values) if values else None,
                max_val=max(values, default=None),
                min_val=min(values, default=None),
            )
        )
    return made


def totals(
    signals: Iterable[Signal], bucket_of: Callable[[datetime], datetime]
) -> dict[int, dict[str, Any]]:
    """What a bucket says of its signals, by the epoch second of its beginning."""
    buckets: dict[int, list[Signal]] = {}
    for signal in signals:
        buckets.setdefault(int(bucket_of(signal.at).timestamp()), []).append(signal)
    return {begin: _total(members) for begin, members in sorted(buckets.items())}


def _total(members: list[Signal]) -> dict[str, Any]:
    summed = [s for s in members if s.sum_val is not None]
    counted = [s for s in summed if s.value_count is not None]
    count = sum(s.value_count or 0 for s in counted)
    return {
        "recCount": _some(sum, [s.rec_count for s in members]),
        "valueCount": _some(sum, [s.value_count for s in summed]),
        "sumVal": _some(fsum, [s.sum_val for s in members]),
        "avgVal": fsum(s.sum_val or 0 for s in counted) / count if count else None,
        "maxVal": _some(max, [s.max_val for s in members]),
        "minVal": _some(min, [s.min_val for s in members]),
    }


def _some(how: Callable[[list[Any]], Any], values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return how(known) if known else None


def utc_bucket(width: timedelta) -> Callable[[datetime], datetime]:
    """The beginning of the bucket of so much time since 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return lambda at: at - (at - epoch) % width
