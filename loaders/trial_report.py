"""What a trial of a statement at its source found out (spec 4 "Evidence pack").

One shape for test queries, dry runs and evidence packs. It travels as JSON that is stored
encrypted: sample rows, plans and a source's own words are data.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any


def fingerprint(definition: str) -> str:
    """SHA-256 of the canonical governed values, in hex."""
    return hashlib.sha256(definition.encode()).hexdigest()


NO_VALUES = "empty"
"""Kind of a column whose values are all NULL."""


class Severity(StrEnum):
    """How much a finding weighs. An error means: approved as it is, its runs fail or mislead, or
    it could harm the source."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    NOTE = "NOTE"


@dataclass(frozen=True)
class Finding:
    """One thing that a reader should know; `code` is stable, `message` says what to do. It holds
    neither data nor SQL."""

    severity: Severity
    code: str
    message: str


@dataclass(frozen=True)
class Column:
    """One column of a result: how its values look, `nulls` of them none."""

    name: str
    kind: str
    nulls: int


@dataclass(frozen=True)
class SourceFacts:
    """What the source told about itself and the account. `can_write` is None where it did not
    tell; `privileges` are sentences."""

    server_version: str = ""
    tls: bool | None = None
    clock_skew_seconds: float | None = None
    can_write: bool | None = None
    privileges: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialReport:
    """Instants are ISO 8601 in UTC, `..._ms` milliseconds.

    `rows` were read, all of the result unless `is_cut`; `distinct_stamps` of them have a
    LOAD_TIME_STAMP of their own. `inferred_grain_seconds` is the longest part of a day, on
    the source's wall clock, whose steps all stamps stand on. `standing` is how many signals
    stand in the window now, where that was asked. `failure_...` say why a run over the window would
    fail, in our words. `definition` is the SHA-256 of the governed values that were tried.
    """

    definition: str
    window_from: str
    window_to: str
    at: str
    source: SourceFacts = SourceFacts()
    explain: str = ""
    connect_ms: float | None = None
    first_row_ms: float | None = None
    total_ms: float | None = None
    rows: int = 0
    is_cut: bool = False
    bytes: int = 0
    rows_per_day: int | None = None
    columns: tuple[Column, ...] = ()
    first_stamp: str = ""
    last_stamp: str = ""
    distinct_stamps: int = 0
    inferred_grain_seconds: int | None = None
    standing: int | None = None
    compared_with: int | None = None
    failure_code: str = ""
    failure_message: str = ""
    sample: tuple[tuple[str | None, ...], ...] = ()
    source_error: str = ""
    findings: tuple[Finding, ...] = field(default=())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that weigh most."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    def without_data(self) -> TrialReport:
        """The same for a reader who may see neither SQL nor data (spec 1)."""
        return replace(
            self,
            explain="",
            sample=(),
            source_error="",
            source=replace(self.source, server_version="", privileges=()),
        )

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> TrialReport:
        """From what `to_json` gave. What a newer release added to it is left out."""
        values: dict[str, Any] = json.loads(text)
        known = {f.name for f in fields(cls)}
        values = {name: value for name, value in values.items() if name in known}
        return cls(
            **{
                **values,
                "source": SourceFacts(
                    **{**values["source"], "privileges": tuple(values["source"]["privileges"])}
                ),
                "columns": tuple(Column(**column) for column in values["columns"]),
                "sample": tuple(tuple(row) for row in values["sample"]),
                "findings": tuple(
                    Finding(Severity(f["severity"]), f["code"], f["message"])
                    for f in values["findings"]
                ),
            }
        )
