"""The governed values of a loader as one immutable value: what is digested, approved and run.

The digest is HMAC-SHA256 over loader id, version number and the canonical JSON of these values
(spec 3). A run takes its values from here and from nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from core.keyring import keyring
from loaders.dialects import DatabaseType
from loaders.grain import Grain
from loaders.policies import PurgeStrategy, WatermarkPolicy
from loaders.source_time import SourceZone, TimeFormat, resolve_format

if TYPE_CHECKING:
    from loaders.models import Loader


@dataclass(frozen=True)
class Definition:
    """Governed values of one loader, its source's included. Never printed: it holds SQL."""

    loader_id: UUID
    loader_code: str
    values: str
    """Canonical JSON of the governed values; the very text that is digested and stored."""

    def __repr__(self) -> str:
        return f"<definition of {self.loader_code}>"

    @classmethod
    def of(cls, loader: Loader) -> Definition:
        """Take the values from a loader and its source as they are in memory."""
        values = {name: _plain(getattr(loader, name)) for name in loader.GOVERNED}
        source = loader.source_database
        values["source_database"] = None if source is None else source.governed_values()
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return cls(loader.id, loader.loader_code, text)

    def digest(self, version_number: int) -> str:
        """The digest to store with this version."""
        return keyring().digest(self._message(version_number))

    def matches(self, digest: str, version_number: int) -> bool:
        """Whether the digest was made of exactly these values, this loader and version."""
        return keyring().verifies(self._message(version_number), digest)

    def _message(self, version_number: int) -> bytes:
        return f"{self.loader_id}\n{self.loader_code}\n{version_number}\n{self.values}".encode()

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.values)[name]

    def settings(self) -> RunSettings:
        """The values of an SQL loader, typed for a run."""
        return RunSettings.from_values(json.loads(self.values))


@dataclass(frozen=True, repr=False)
class RunSettings:
    """Governed values as a run uses them. Times are aware UTC."""

    loader_sql: str
    db_type: DatabaseType
    grain: Grain
    zone: SourceZone
    time_format: TimeFormat
    max_query_period: timedelta
    lateness: timedelta
    start_at: datetime | None
    end_at: datetime | None
    purge_strategy: PurgeStrategy
    watermark_policy: WatermarkPolicy
    max_parallel_executions: int
    execution_timeout_seconds: int | None
    row_cap: int | None
    max_attempts: int
    raw_capture: bool

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> RunSettings:
        """Type the canonical values of a definition."""
        source = values["source_database"]
        zone = source_zone(values["time_zone"], values["offset_hours"], source["time_zone"])
        sql = values["loader_sql"]
        return cls(
            loader_sql=sql,
            db_type=DatabaseType(source["db_type"]),
            grain=Grain(values["grain_seconds"], zone),
            zone=zone,
            time_format=resolve_format(TimeFormat(values["time_format"]), sql),
            max_query_period=timedelta(seconds=values["max_query_period_seconds"]),
            lateness=timedelta(seconds=values["lateness_seconds"]),
            start_at=_instant(values["start_at"]),
            end_at=_instant(values["end_at"]),
            purge_strategy=PurgeStrategy(values["purge_strategy"]),
            watermark_policy=WatermarkPolicy(values["watermark_policy"]),
            max_parallel_executions=values["max_parallel_executions"],
            execution_timeout_seconds=values["execution_timeout_seconds"],
            row_cap=values["row_cap"],
            max_attempts=values["max_attempts"],
            raw_capture=values["raw_capture"],
        )


def source_zone(
    time_zone: str, offset_hours: str | Decimal | None, of_source: str = ""
) -> SourceZone:
    """The zone of a source's timestamps: the loader's name or offset, else the source's zone, else
    UTC."""
    if offset_hours is None and (name := time_zone or of_source):
        return SourceZone.named(name)
    return SourceZone.offset(Decimal(offset_hours or 0))


def _plain(value: Any) -> Any:
    """A JSON value that doesn't depend on how the value was loaded."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return format(value.quantize(Decimal("0.01")), "f")
    return value


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
