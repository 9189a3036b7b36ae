"""What an evidence package is made of, read row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from accounts.roles import Permission, User, may
from audit.event_text import event_text, instant
from backfill.models import BackfillJob
from core.window import Window
from execution.coverage import Interval, complete
from execution.models import CoverageInterval, GapWaiver, LoadHistory
from execution.services.coverage import interval_of
from execution.services.time_line import TimeLine
from loaderportal.evidence.package import AUDIT, VERSIONS, Part
from loaders.changes import governed_values
from loaders.models import Decision, EvidencePack, EvidenceStatus, Loader, LoaderVersion

_CHUNK = 500
_EXECUTION = (
    "id",
    "trigger",
    "status",
    "attempt",
    "purge_strategy",
    "source_db_code",
    "replica_name",
    "start_time",
    "claimed_at",
    "end_time",
    "query_from_time",
    "query_to_time",
    "actual_from_time",
    "actual_to_time",
    "records_read",
    "records_loaded",
    "records_skipped",
    "records_purged",
    "bytes_written",
    "error_code",
    "error_message",
    "correlation_id",
    "metadata",
)
_BACKFILL = (
    "id",
    "from_time",
    "to_time",
    "purge_strategy",
    "mode",
    "reason",
    "origin",
    "status",
    "requested_at",
    "decided_at",
    "comment",
    "started_at",
    "ended_at",
)
_OF_DEFINITIONS = (
    "loader.create",
    "loader.copy",
    "loader.draft",
    "loader.submit",
    "loader.approve",
    "loader.reject",
    "source.create",
    "source.update",
)
"""Told whenever they happened: what loaded the period may have been written before or after."""

_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_ID = f"CASE WHEN e.object_id ~ '{_UUID}' THEN e.object_id::uuid END"
_AUDIT = f"""
SELECT {event_text("e")}, s.number, s.previous_head, s.head, {instant("s.sealed_at")}
FROM audit_event e LEFT JOIN audit_seal s ON s.event_id = e.id
WHERE (e.object_type = 'loader' AND e.object_id = %(code)s
       AND (e.at >= %(start)s AND e.at < %(end)s OR e.action = ANY(%(definitions)s)))
   OR (e.object_type = 'source' AND e.object_id = %(source)s
       AND (e.at >= %(start)s AND e.at < %(end)s OR e.action = ANY(%(definitions)s)))
   OR (e.object_type = 'execution' AND EXISTS (
       SELECT FROM load_history h WHERE h.id = {_ID} AND h.loader_code = %(code)s
       AND (h.start_time >= %(start)s AND h.start_time < %(end)s
            OR h.query_from_time < %(end)s AND h.query_to_time > %(start)s)))
   OR (e.object_type = 'backfill' AND EXISTS (
       SELECT FROM backfill_job b WHERE b.id = {_ID} AND b.loader_code = %(code)s
       AND (b.requested_at >= %(start)s AND b.requested_at < %(end)s
            OR b.from_time < %(end)s AND b.to_time > %(start)s)))
ORDER BY s.number NULLS LAST, e.at, e.id
"""


@dataclass
class Collection:
    """The parts about a loader and a period; read once, in their order."""

    user: User
    loader: Loader
    period: Window
    line: TimeLine | None
    audit_events: int = 0
    unsealed: int = 0
    parts: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = [
            Part(VERSIONS, self._versions()),
            Part("approvals.jsonl", self._approvals()),
            Part("executions.jsonl", self._executions()),
            Part("backfills.jsonl", self._backfills()),
            Part("coverage.jsonl", self._coverage()),
            Part("waivers.jsonl", self._waivers()),
            Part(AUDIT, self._audit()),
        ]

    @property
    def with_sql(self) -> bool:
        """Whether definitions are given with their SQL."""
        return may(self.user, Permission.VIEW_SQL)

    def _known_versions(self) -> Any:
        """All of them: any may have loaded the period, then or later."""
        versions = LoaderVersion.objects.filter(loader=self.loader)
        people = versions.select_related("submitted_by", "decided_by")
        return people.order_by("number").iterator(_CHUNK)

    def _versions(self) -> Iterator[Mapping[str, Any]]:
        """With the very text that was digested, so that digest and seal can be checked; without
        it for who may not see SQL."""
        for version in self._known_versions():
            yield {
                "number": version.number,
                "id": version.id,
                "loader_id": version.loader_id,
                "digest": version.digest,
                "approval_seal": version.approval_seal,
                "submitted_by": version.submitted_by.get_username(),
                "submitted_by_id": version.submitted_by_id,
                "submitted_at": version.submitted_at,
                "decision": version.decision,
                "decided_by_id": version.decided_by_id,
                "decided_at": version.decided_at,
                "evidence": _evidence(version),
                "definition": version.definition
                if self.with_sql
                else json.dumps(governed_values(version.definition, with_sql=False)),
            }

    def _approvals(self) -> Iterator[Mapping[str, Any]]:
        for version in self._known_versions():
            if version.decision == Decision.PENDING:
                continue
            decided_by = version.decided_by
            yield {
                "version": version.number,
                "decision": version.decision,
                "submitted_by": version.submitted_by.get_username(),
                "note": version.note,
                "decided_by": decided_by.get_username() if decided_by else None,
                "decided_at": version.decided_at,
                "comment": version.comment,
                "seal_holds": version.is_sealed()
                if version.decision == Decision.APPROVED
                else None,
            }

    def _executions(self) -> Iterator[Mapping[str, Any]]:
        period = self.period
        runs = LoadHistory.objects.filter(loader=self.loader).filter(
            Q(start_time__gte=period.start, start_time__lt=period.end)
            | Q(query_from_time__lt=period.end, query_to_time__gt=period.start)
        )
        names = (*_EXECUTION, "version__number", "requested_by__username")
        for row in runs.order_by("start_time", "id").values(*names).iterator(_CHUNK):
            row["version"] = row.pop("version__number")
            row["requested_by"] = row.pop("requested_by__username")
            yield row

    def _backfills(self) -> Iterator[Mapping[str, Any]]:
        period = self.period
        jobs = BackfillJob.objects.filter(loader=self.loader).filter(
            Q(requested_at__gte=period.start, requested_at__lt=period.end)
            | Q(from_time__lt=period.end, to_time__gt=period.start)
        )
        people = ("requested_by", "decided_by")
        names = (*_BACKFILL, "version__number", *(f"{name}__username" for name in people))
        for row in jobs.order_by("requested_at", "id").values(*names).iterator(_CHUNK):
            row["version"] = row.pop("version__number")
            yield row | {name: row.pop(f"{name}__username") for name in people}

    def _coverage(self) -> Iterator[Mapping[str, Any]]:
        """Every stretch of the period that lies on the loader's line, holes too."""
        if self.line is None:
            return
        stretch = self.line.cut(self.period.start, self.period.end)
        if stretch is None:
            return
        rows = CoverageInterval.objects.filter(
            loader=self.loader, range_from__lt=stretch.end, range_to__gt=stretch.start
        )
        at = stretch.start
        for row in rows.order_by("range_from").iterator(_CHUNK):
            until = min(row.range_to, stretch.end)
            yield from map(_stretch, self._between(at, until, [interval_of(row)]))
            at = until
        yield from map(_stretch, self._between(at, stretch.end, []))

    def _between(self, start: datetime, end: datetime, known: list[Interval]) -> list[Interval]:
        assert self.line is not None
        return complete(known, start, self.line.settled_until, end)

    def _waivers(self) -> Iterator[Mapping[str, Any]]:
        waivers = GapWaiver.objects.filter(
            loader=self.loader, range_from__lt=self.period.end, range_to__gt=self.period.start
        )
        names = ("id", "range_from", "range_to", "reason", "waived_at", "withdrawn_at")
        people = ("waived_by", "withdrawn_by")
        fields = (*names, "withdrawal_reason", *(f"{name}__username" for name in people))
        for row in waivers.order_by("waived_at", "id").values(*fields).iterator(_CHUNK):
            yield row | {name: row.pop(f"{name}__username") for name in people}

    def _audit(self) -> Iterator[Mapping[str, Any]]:
        """`event` is the very text that is sealed (`audit.event_text`)."""
        source = self.loader.source_database
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                _AUDIT,
                {
                    "start": self.period.start,
                    "end": self.period.end,
                    "code": self.loader.loader_code,
                    "source": source.db_code if source else "",
                    "definitions": list(_OF_DEFINITIONS),
                },
            )
            while rows := cursor.fetchmany(_CHUNK):
                for event, number, previous_head, head, sealed_at in rows:
                    self.audit_events += 1
                    self.unsealed += number is None
                    yield {
                        "event": event,
                        "number": number,
                        "previous_head": previous_head,
                        "head": head,
                        "sealed_at": sealed_at,
                    }


def _stretch(interval: Interval) -> Mapping[str, Any]:
    return {
        "from_time": interval.window.start,
        "to_time": interval.window.end,
        "state": interval.state,
        "rec_count": interval.rec_count,
        "execution_id": interval.load_history_id,
    }


def _evidence(version: LoaderVersion) -> Mapping[str, Any] | None:
    """What the approver had before them, without the source's data: findings, counts, times."""
    pack = EvidencePack.objects.filter(version=version).first()
    if pack is None or pack.status != EvidenceStatus.FINISHED:
        return None
    report = pack.findings()
    if report is None:
        return None
    bare = report.without_data()
    return {"gathered_at": pack.gathered_at, "report": json.loads(bare.to_json())}
