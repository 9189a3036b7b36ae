"""Answers to signals queries as they are sent, kept for a while by the loader's data version.

The version is part of an answer's name: a commit raises it with the signals, so no answer that was
kept before can be found after. So is the oldest month that there is: retention drops it for all
loaders at once. An answer is kept only if the version was the same before its signals were read and
after: it is then exactly of that version (spec 8).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from django.core.cache import caches
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from core.camel_case import camelize
from core.clock import database_now
from loaders.models import Loader
from signals.buckets import zone_name
from signals.partitions import OLDEST_MONTH
from signals.points import VALUE_NAMES
from signals.query import SignalsQuery, run_query
from signals.reduction import METHOD

logger = structlog.get_logger(__name__)

CACHE = "signals"
"""Alias in CACHES."""

RECENT = timedelta(days=1)
RECENT_SECONDS, LASTING_SECONDS = 5 * 60, 60 * 60
"""How long an answer is kept: one whose range ends less than a day ago, and any other."""

_FORM = 3
"""Raised whenever an answer is made of the same signals in another way."""

_VERSION = f"SELECT data_version, ({OLDEST_MONTH}) FROM loader_state WHERE loader_id = %s"
_TRIES = 2
_FAST = 1


@dataclass(frozen=True)
class Sent:
    """An answer: compressed JSON, and its entity tag; None where it is of no single version."""

    compressed: bytes
    etag: str | None


def etag_of(query: SignalsQuery, version: str) -> str:
    """The entity tag of the answer that the query has at a version of its loader's signals."""
    return f'"{_name(query, version)}"'


def answer(query: SignalsQuery, version: str) -> Sent:
    """The answer, kept or made now; `version` is the one that the signals were seen at. The caller
    has seen to it that whoever asks reaches the loader. Raises what `run_query` raises."""
    for _ in range(_TRIES):
        name = _name(query, version)
        store = _Store()
        kept = store.get(name)
        if kept is not None:
            return Sent(kept, f'"{name}"')
        made = _made(query)
        seen = version_of(query.loader)
        if seen == version:
            store.set(name, made, _seconds(query.window.end))
            return Sent(made, f'"{name}"')
        version = seen
    return Sent(made, None)


def version_of(loader: Loader) -> str:
    """The version of the loader's signals at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, [loader.pk])
        data_version, oldest = cursor.fetchone()
    return f"{data_version} {oldest}"


def _name(query: SignalsQuery, version: str) -> str:
    """The same for the same question at the same version, and for no other."""
    asked = [
        _FORM,
        query.loader.pk.hex,
        version,
        zone_name(query.loader),
        query.window.start.isoformat(),
        query.window.end.isoformat(),
        query.aggregation,
        query.bucket,
        sorted(code.hex for code in query.segments),
        query.by_segment,
        query.limit,
        query.drawn,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _made(query: SignalsQuery) -> bytes:
    found = run_query(query)
    names = ["timestamp", *(["segmentCode"] if query.names_segments else [])]
    names += map(camelize, VALUE_NAMES)
    rows = found.points.rows(with_segments=query.names_segments)
    body: dict[str, Any] = {
        "loaderCode": query.loader.loader_code,
        "timeRange": {
            "from": int(query.window.start.timestamp()),
            "to": int(query.window.end.timestamp()),
        },
        "aggregation": query.aggregation,
        "bucket": query.bucket,
        "value": camelize(query.drawn),
        "reduced": found.reduced_by is not None,
        "method": METHOD if found.reduced_by else None,
        "reducedBy": found.reduced_by,
        "pointsBefore": found.before,
        "dataPoints": [dict(zip(names, row, strict=True)) for row in rows],
    }
    return gzip.compress(orjson.dumps(body), _FAST, mtime=0)


def _seconds(end: datetime) -> int:
    return RECENT_SECONDS if end > database_now() - RECENT else LASTING_SECONDS


class _Store:
    """Where answers are kept, as one request sees it. Without it, answers are made anew: what does
    not answer is logged, and not asked a second time."""

    def __init__(self) -> None:
        self._answers = True

    def get(self, name: str) -> bytes | None:
        try:
            kept: bytes | None = caches[CACHE].get(name)
        except RedisError as error:
            self._fails(error)
            return None
        return kept

    def set(self, name: str, made: bytes, seconds: int) -> None:
        if self._answers:
            try:
                caches[CACHE].set(name, made, seconds)
            except (RedisError, DatabaseError) as error:
                self._fails(error)

    def _fails(self, error: Exception) -> None:
        self._answers = False
        logger.warning("signals.answers_not_kept", error=type(error).__name__)
