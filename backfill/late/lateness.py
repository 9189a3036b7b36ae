"""How late a loader's records come, and which lateness would have caught them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

TOLERATED = 0.001
"""Share of records that may come after the lateness without it being called too short."""


@dataclass(frozen=True)
class Counted:
    """One re-count: how old its window was, and of so many records how many had come since it was
    loaded, or since the pass before."""

    age: timedelta
    records: int
    late: int


@dataclass(frozen=True)
class Bucket:
    """Records that came after `over` and were there by `until`; `share` of all records counted."""

    over: timedelta
    until: timedelta
    late: int
    records: int

    @property
    def share(self) -> float:
        """Of the records counted, those that came in this time."""
        return self.late / self.records if self.records else 0.0


def histogram(
    lateness: timedelta, ages: Iterable[timedelta], counted: Iterable[Counted]
) -> list[Bucket]:
    """One bucket a pass: what it found had come after the pass before it, or after the loader's own
    lateness. A re-count counts for the latest pass that its window was old enough for."""
    passes = sorted({age for age in ages if age > lateness})
    late = dict.fromkeys(passes, 0)
    records = dict.fromkeys(passes, 0)
    for one in counted:
        reached = [age for age in passes if age <= one.age]
        if reached:
            late[reached[-1]] += one.late
            records[reached[-1]] += one.records
    return [
        Bucket(over, until, late[until], records[until])
        for over, until in zip([lateness, *passes], passes, strict=False)
    ]


def suggested(buckets: Iterable[Bucket]) -> timedelta | None:
    """The shortest lateness among the passes after which hardly a record came; None where the
    present one is long enough, or nothing was counted yet."""
    wanted = None
    for bucket in buckets:
        if bucket.share > TOLERATED:
            wanted = bucket.until
    return wanted
