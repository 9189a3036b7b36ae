"""What the demo loads: the two sources and their loaders, as plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

AIRLINE: Final = "AIRLINE"
PAYMENTS: Final = "PAYMENTS"
FLIGHTS_LOADER: Final = "FLIGHTS_HOURLY"
PAYMENTS_LOADER: Final = "PAYMENTS_BY_MINUTE"
FLIGHTS_START: Final = datetime(2013, 1, 1, tzinfo=UTC)
FLIGHTS_END: Final = datetime(2014, 1, 2, tzinfo=UTC)

_FLIGHTS_SQL = """\
SELECT time_hour AS LOAD_TIME_STAMP,
       origin AS SEGMENT_1,
       carrier AS SEGMENT_2,
       dest AS SEGMENT_3,
       NULL AS SEGMENT_4, NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7,
       NULL AS SEGMENT_8, NULL AS SEGMENT_9, NULL AS SEGMENT_10,
       count(*) AS REC_COUNT,
       sum(dep_delay) AS SUM_VAL,
       avg(dep_delay) AS AVG_VAL,
       max(dep_delay) AS MAX_VAL,
       min(dep_delay) AS MIN_VAL,
       count(dep_delay) AS VALUE_COUNT
FROM flights
WHERE time_hour >= :fromTime AND time_hour < :toTime
GROUP BY time_hour, origin, carrier, dest
"""
_PAYMENTS_SQL = """\
SELECT date_trunc('minute', paid_at) AS LOAD_TIME_STAMP,
       channel AS SEGMENT_1,
       region AS SEGMENT_2,
       result AS SEGMENT_3,
       NULL AS SEGMENT_4, NULL AS SEGMENT_5, NULL AS SEGMENT_6, NULL AS SEGMENT_7,
       NULL AS SEGMENT_8, NULL AS SEGMENT_9, NULL AS SEGMENT_10,
       count(*) AS REC_COUNT,
       sum(amount) AS SUM_VAL,
       avg(amount) AS AVG_VAL,
       max(amount) AS MAX_VAL,
       min(amount) AS MIN_VAL,
       count(amount) AS VALUE_COUNT
FROM payment
WHERE paid_at >= :fromTime AND paid_at < :toTime
GROUP BY date_trunc('minute', paid_at), channel, region, result
"""


def flights_loader() -> dict[str, Any]:
    """Scheduled departures by hour, caught up over a year in windows of a week."""
    return {
        "loader_code": FLIGHTS_LOADER,
        "description": (
            "Scheduled departures from New York's three airports in 2013 by hour: segments are "
            "origin, carrier and destination, the value is the departure delay in minutes. A "
            "cancelled flight has no delay; it counts in REC_COUNT, not in VALUE_COUNT."
        ),
        "owning_team": "Flight operations",
        "contact": "flight-operations@example.org",
        "segment_meanings": ["origin", "carrier", "destination"],
        "loader_sql": _FLIGHTS_SQL,
        "grain_seconds": 3600,
        "min_interval_seconds": 10,
        "max_query_period_seconds": 7 * 86_400,
        "lateness_seconds": 60,
        "start_at": FLIGHTS_START,
        "end_at": FLIGHTS_END,
        "purge_strategy": "FAIL_ON_DUPLICATE",
        "watermark_policy": "MAX_TIMESTAMP",
    }


def payments_loader(start_at: datetime) -> dict[str, Any]:
    """The live stream by minute, from the beginning of its history (UTC, on a minute)."""
    return {
        "loader_code": PAYMENTS_LOADER,
        "description": (
            "Card and wallet payments by minute, simulated and live: segments are channel, region "
            "and result, the value is the amount in SAR."
        ),
        "owning_team": "Payments",
        "contact": "payments@example.org",
        "segment_meanings": ["channel", "region", "result"],
        "freshness_target_seconds": 300,
        "loader_sql": _PAYMENTS_SQL,
        "grain_seconds": 60,
        "min_interval_seconds": 30,
        "lateness_seconds": 30,
        "start_at": start_at,
        "purge_strategy": "FAIL_ON_DUPLICATE",
        "watermark_policy": "WINDOW_END",
    }
