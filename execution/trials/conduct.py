"""Conducting a trial: ask the source, look at the answer, write no signal (spec 3, 4).

Everything at the source is read-only and bounded by time and rows. What goes wrong there, or with
the rows, is a part of the report and no error; errors of the portal are raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from core.errors import PortalError
from execution.models import Stage, TrialKind
from execution.statement import stamp_parser, statement_of
from execution.trials.findings import Observed, of_result, of_source
from execution.trials.grain_check import GrainVerdict, Suspicion, suspicion, verdict_of
from execution.trials.observation import Observer, differing_columns, inferred_grain
from execution.trials.plan import Plan, Watch
from loaders.connectors import connector_for
from loaders.connectors.base import Row, SourceConnection
from loaders.connectors.connection_test import ConnectionReport, test_connection
from loaders.connectors.errors import SourceError, summary_of
from loaders.source_time import StampError
from loaders.trial_report import Finding, Severity, SourceFacts, TrialReport, fingerprint
from signals.exceptions import ColumnsChangedError, DuplicateKeyError, RowRejectedError
from signals.rows import RowEncoder, check_columns
from signals.segments import CombinationRegistry

_NOBODY = UUID(int=0)
_PROBE_ROWS = 1000
_BROKEN_ROWS = (ColumnsChangedError, DuplicateKeyError, RowRejectedError)
_DAY = timedelta(days=1)


def examine(plan: Plan, watch: Watch, now: datetime) -> TrialReport:
    """Try the definition over the window. Evidence looks at account and grain as well."""
    report = TrialReport(
        definition=fingerprint(plan.definition.values),
        window_from=plan.window.start.isoformat(),
        window_to=plan.window.end.isoformat(),
        at=now.astimezone(UTC).isoformat(timespec="seconds"),
        compared_with=plan.earlier_number,
    )
    watch.stage(Stage.CONNECTING)
    if plan.kind is TrialKind.EVIDENCE:
        answer = test_connection(plan.profile, plan.password())
        if not answer.ok:
            return _unreachable(report, answer)
        facts = _facts(answer)
        findings = of_source(facts, plan.settings.lateness)
        report = replace(report, source=facts, findings=tuple(findings))
    return _Reading(plan, watch, report).report()


def _unreachable(report: TrialReport, answer: ConnectionReport) -> TrialReport:
    """What the approver sees of a source that does not answer: they decide without. The advice
    names host and account: it is for those who may see the source's own words."""
    message = summary_of(answer.code)
    return replace(
        report,
        failure_code=answer.code,
        failure_message=message,
        source_error=answer.message,
        findings=(Finding(Severity.ERROR, answer.code, message),),
    )


def _facts(answer: ConnectionReport) -> SourceFacts:
    privileges = answer.privileges
    return SourceFacts(
        server_version=answer.server_version,
        tls=answer.tls,
        clock_skew_seconds=answer.clock_skew_seconds,
        can_write=None if privileges is None else privileges.can_write,
        privileges=() if privileges is None else privileges.findings,
    )


class _Reading:
    """The statement's own part of a trial."""

    def __init__(self, plan: Plan, watch: Watch, report: TrialReport) -> None:
        self._plan = plan
        self._watch = watch
        self._report = report
        self._started_at = monotonic()
        self._observer: Observer | None = None
        self._is_cut = False
        self._failure: PortalError | None = None
        self._fields: dict[str, float | str] = {}

    def report(self) -> TrialReport:
        """Explain, read, look; and once more inside a group where the grain looks wrong."""
        try:
            with self._connect() as source:
                self._watch.interrupts(source.cancel)
                self._fields["connect_ms"] = self._milliseconds()
                self._explain(source)
                self._read(source)
        except (SourceError, *_BROKEN_ROWS) as error:
            self._failure = error
        took = timedelta(milliseconds=self._milliseconds())
        return self._complete(took)

    def _connect(self) -> SourceConnection:
        plan = self._plan
        return connector_for(plan.profile.db_type).connect(
            plan.profile,
            plan.password(),
            statement_timeout_seconds=plan.limits.seconds,
            application_name=f"loaderportal trial {plan.loader_code}",
        )

    def _explain(self, source: SourceConnection) -> None:
        self._watch.stage(Stage.EXPLAINING)
        statement = statement_of(self._plan.settings, self._plan.window, source.quote)
        self._fields["explain"] = source.explain(statement)

    def _read(self, source: SourceConnection) -> None:
        self._watch.stage(Stage.READING)
        self._started_at = monotonic()
        plan = self._plan
        statement = statement_of(plan.settings, plan.window, source.quote)
        with (
            source.stream(statement) as rows,
            closing(CombinationRegistry(plan.loader_code)) as registry,
        ):
            observer = Observer(rows.columns, sample_size=plan.limits.sample)
            self._observer = observer
            encoder = RowEncoder(
                loader_code=plan.loader_code,
                load_history_id=_NOBODY,
                window=plan.window,
                has_value_count=check_columns(rows.columns),
                parse=stamp_parser(plan.settings),
                registry=registry,
            )
            for batch in self._within_limit(rows):
                observer.take(batch)
                encoder.encode(batch)
                registry.forget_new()
                self._watch.rows(observer.rows)
                if observer.repeats_a_key:
                    raise DuplicateKeyError(
                        "The result holds the same LOAD_TIME_STAMP and segments more than once. "
                        "Group by all of them."
                    )

    def _within_limit(self, batches: Iterator[list[Row]]) -> Iterator[list[Row]]:
        """The batches up to the limit of rows; `_is_cut` says whether there was more."""
        left = self._plan.limits.rows
        for batch in batches:
            self._fields.setdefault("first_row_ms", self._milliseconds())
            if len(batch) > left:
                self._is_cut = True
                if left:
                    yield batch[:left]
                return
            left -= len(batch)
            yield batch

    def _complete(self, took: timedelta) -> TrialReport:
        plan, failure = self._plan, self._failure
        observer = self._observer or Observer((), sample_size=0)
        stamps = self._stamps(observer)
        grain = inferred_grain(stamps, plan.settings.zone)
        suspected = None
        if failure is None and plan.kind is TrialKind.EVIDENCE:
            suspected = suspicion(stamps, grain, plan.settings.grain, plan.window)
        verdict = None if suspected is None else self._probe(suspected)
        report = replace(
            self._report,
            **self._fields,  # type: ignore[arg-type]  # by name: a text and three numbers
            total_ms=took / timedelta(milliseconds=1),
            rows=observer.rows,
            is_cut=self._is_cut,
            bytes=observer.bytes,
            rows_per_day=round(observer.rows * (_DAY / plan.window.duration)),
            columns=observer.columns,
            first_stamp=min(stamps).isoformat() if stamps else "",
            last_stamp=max(stamps).isoformat() if stamps else "",
            distinct_stamps=len(stamps),
            inferred_grain_seconds=grain,
            sample=tuple(observer.sample),
            failure_code="" if failure is None else failure.code,
            failure_message="" if failure is None else failure.message,
            source_error=getattr(failure, "raw", ""),
        )
        seen = Observed(
            rows=observer.rows,
            is_cut=self._is_cut,
            row_limit=plan.limits.rows,
            took=took,
            failure=None if failure is None else (failure.code, failure.message),
            coarse_seconds=None if suspected is None else suspected.seconds,
            grain_verdict=verdict,
            drift=self._drift(observer),
            compared_with=plan.earlier_number,
        )
        found = of_result(
            seen,
            grain=plan.settings.grain,
            row_cap=plan.settings.row_cap,
            min_interval=plan.min_interval,
        )
        return replace(report, findings=(*report.findings, *found))

    def _stamps(self, observer: Observer) -> dict[datetime, int]:
        """The stamps that can be read, as UTC, with their numbers of rows."""
        parse = stamp_parser(self._plan.settings)
        found: dict[datetime, int] = {}
        for text, count in observer.stamps.items():
            try:
                at = parse(text.decode(errors="replace")).astimezone(UTC)
            except StampError:
                continue  # the encoder has refused it, and the report says so
            found[at] = found.get(at, 0) + count
        return found

    def _probe(self, suspected: Suspicion) -> GrainVerdict:
        """Ask for a window that starts inside a step."""
        self._watch.stage(Stage.PROBING)
        governed = self._plan.settings
        observer = Observer((), sample_size=0)
        try:
            with self._connect() as source:
                self._watch.interrupts(source.cancel)
                statement = statement_of(governed, suspected.probe, source.quote)
                with source.stream(statement) as rows:
                    observer.take(next(rows, [])[:_PROBE_ROWS])
        except SourceError:
            return GrainVerdict.UNKNOWN
        return verdict_of(suspected, self._stamps(observer))

    def _drift(self, observer: Observer) -> list[str]:
        earlier = self._plan.earlier
        if earlier is None or not earlier.columns or not observer.columns:
            return []
        return differing_columns(earlier.columns, observer.columns)

    def _milliseconds(self) -> float:
        return round((monotonic() - self._started_at) * 1000, 1)
