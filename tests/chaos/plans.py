"""The loaders of a chaos run: which stream each reads, how, and in what words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

LOADERS = 30
BACKLOG = timedelta(minutes=24)
LATENESS = timedelta(seconds=8)
KINDS = ("POSTGRESQL", "MYSQL")
_STRATEGIES = ("FAIL_ON_DUPLICATE", "PURGE_AND_RELOAD", "SKIP_DUPLICATES")
_POLICIES = ("MAX_TIMESTAMP", "WINDOW_END")

_SELECT = """
SELECT {stamp} AS LOAD_TIME_STAMP, shop AS SEGMENT_1, channel AS SEGMENT_2, NULL AS SEGMENT_3,
       NULL AS SEGMENT_4, NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7,
       NULL AS SEGMENT_8, NULL AS SEGMENT_9, NULL AS SEGMENT_10,
       COUNT(*) AS REC_COUNT, SUM(amount) AS SUM_VAL, AVG(amount) AS AVG_VAL,
       MAX(amount) AS MAX_VAL, MIN(amount) AS MIN_VAL, COUNT(amount) AS VALUE_COUNT
FROM slow_events WHERE stream = {stream} AND at >= {start} AND at < {end}
GROUP BY {stamp}, shop, channel
"""


@dataclass(frozen=True)
class Wording:
    """How loaders of one kind of source ask for time, and in which steps they group it."""

    time_format: str
    stamp: str
    bound: str
    grain_seconds: int


WORDINGS = {
    "POSTGRESQL": (
        Wording("ISO_8601", "date_bin('10 seconds', at, '2000-01-01T00:00:00Z')", "{}", 10),
        Wording(
            "UNIX_EPOCH_SECONDS",
            "to_timestamp(floor(extract(epoch FROM at) / 20) * 20)",
            "to_timestamp({})",
            20,
        ),
    ),
    "MYSQL": (
        Wording(
            "UNIX_EPOCH_SECONDS",
            "FLOOR(UNIX_TIMESTAMP(at) / 10) * 10",
            "FROM_UNIXTIME({})",
            10,
        ),
        Wording(
            "MYSQL_DATETIME",
            "DATE_FORMAT(at, '%Y-%m-%d %H:%i:00')",
            "STR_TO_DATE({}, '%Y-%m-%d %H:%i')",
            60,
        ),
    ),
}


@dataclass(frozen=True)
class Plan:
    """One loader: it reads the stream of its number, from `start`, which lies on its grain."""

    number: int
    kind: str
    strategy: str
    policy: str
    wording: Wording
    start: datetime

    @property
    def code(self) -> str:
        """The loader's code."""
        return f"CHAOS_{self.number:02}"

    @property
    def shops(self) -> int:
        """How many shops its stream has: from a few rows a window to several packets."""
        return 2 + self.number % 5 * 4

    @property
    def quiet(self) -> tuple[datetime, datetime] | None:
        """A stretch without a row, longer than a window; some streams have one."""
        if self.number % 4:
            return None
        return self.start + timedelta(minutes=5), self.start + timedelta(minutes=21)

    def values(self) -> dict[str, Any]:
        """Fields of the definition."""
        wording = self.wording
        return {
            "loader_sql": _SELECT.format(
                stream=self.number,
                stamp=wording.stamp,
                start=wording.bound.format(":fromTime"),
                end=wording.bound.format(":toTime"),
            ),
            "time_format": wording.time_format,
            "grain_seconds": wording.grain_seconds,
            "max_query_period_seconds": (420, 600, 900)[self.number % 3],
            "min_interval_seconds": 4 + self.number % 3,
            "purge_strategy": self.strategy,
            "watermark_policy": self.policy,
            "lateness_seconds": int(LATENESS.total_seconds()),
            "start_at": self.start,
            "end_at": None,
            "execution_timeout_seconds": 30,
            "row_cap": 300 if self.number % 7 == 3 else None,
            "max_attempts": 20,
        }


def make_plans(now: datetime) -> list[Plan]:
    """Both kinds of source, each strategy, each policy, each wording, from a backlog before `now`
    on, without an end."""
    combinations = list(product(_POLICIES, _STRATEGIES, (0, 1), KINDS))
    plans = []
    for number in range(LOADERS):
        policy, strategy, which, kind = combinations[number % len(combinations)]
        wording = WORDINGS[kind][which]
        plans.append(
            Plan(
                number=number,
                kind=kind,
                strategy=strategy,
                policy=policy,
                wording=wording,
                start=floor(now - BACKLOG, wording.grain_seconds),
            )
        )
    return plans


def floor(instant: datetime, seconds: int) -> datetime:
    """The last instant at or before this one that is a multiple of so many seconds."""
    epoch = int(instant.timestamp())
    return datetime.fromtimestamp(epoch - epoch % seconds, instant.tzinfo)
