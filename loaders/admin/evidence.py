"""How the console shows what a trial found: for the review of a version, and for trials."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.display import NOTHING, Tone, badge, number_text, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from loaders.models import EvidencePack, EvidenceStatus, LoaderVersion
from loaders.trial_report import NO_VALUES, Severity, SourceFacts, TrialReport

_TONES = {
    Severity.ERROR: Tone.BAD,
    Severity.WARNING: Tone.WAITING,
    Severity.NOTE: Tone.QUIET,
}
_ACCOUNT = {
    True: badge("Can write", Tone.BAD),
    False: badge("Read only", Tone.GOOD),
    None: badge("Not known", Tone.QUIET),
}


def evidence_context(version: LoaderVersion, *, with_data: bool) -> dict[str, Any]:
    """What the review page shows of the version's pack; nothing where it has none."""
    pack = EvidencePack.objects.filter(version=version).first()
    if pack is None:
        return {}
    report = pack.findings()
    return {
        "pack": pack,
        "is_gathering": pack.status == EvidenceStatus.WAITING,
        "gathered": time_shown(pack.gathered_at),
        "trial": None if report is None else report_context(report, with_data=with_data),
    }


def report_context(report: TrialReport, *, with_data: bool) -> dict[str, Any]:
    """What a report's template needs; sample, plan and the source's own words only `with_data`."""
    shown = report if with_data else report.without_data()
    told = [n for n, column in enumerate(shown.columns) if column.kind != NO_VALUES]
    return {
        "findings": [
            (badge(finding.severity.value.capitalize(), _TONES[finding.severity]), finding)
            for finding in shown.findings
        ],
        "facts": _facts(shown),
        "columns": shown.columns,
        "names": [shown.columns[n].name for n in told],
        "sample": [[row[n] for n in told if n < len(row)] for row in shown.sample],
        "left_out": len(shown.columns) - len(told),
        "explain": shown.explain,
        "source_error": shown.source_error,
        "privileges": shown.source.privileges,
        "with_data": with_data,
    }


def _facts(report: TrialReport) -> list[tuple[str, Any]]:
    window = window_shown(_instant(report.window_from), _instant(report.window_to))
    more = "more than " if report.is_cut else ""
    facts: list[tuple[str, Any]] = [
        (in_shown_zone("Window"), window),
        ("Rows", f"{more}{number_text(report.rows)}"),
        ("Rows a day, at this rate", f"{more}{number_text(report.rows_per_day)}"),
        ("First row after", _span(report.first_row_ms)),
        ("Time at the source", _span(report.total_ms)),
        ("Rows stand on steps of", _step(report)),
        (in_shown_zone("First stamp"), _stamp(report.first_stamp)),
        (in_shown_zone("Last stamp"), _stamp(report.last_stamp)),
        ("Distinct stamps", number_text(report.distinct_stamps)),
    ]
    if report.standing is not None:
        facts.append(("Signals that stand there now", number_text(report.standing)))
    if report.source != SourceFacts():
        facts += _source_facts(report.source)
    return facts


def _source_facts(source: SourceFacts) -> list[tuple[str, Any]]:
    skew = source.clock_skew_seconds
    tls = {True: "Yes", False: "No", None: NOTHING}[source.tls]
    return [
        ("Account", _ACCOUNT[source.can_write]),
        ("Server", source.server_version or NOTHING),
        ("TLS", tls),
        ("Clock against the portal's", NOTHING if skew is None else f"{skew:+.1f} s"),
    ]


def _step(report: TrialReport) -> str:
    seconds = report.inferred_grain_seconds
    return NOTHING if seconds is None else span_text(timedelta(seconds=seconds))


def _span(milliseconds: float | None) -> str:
    return span_text(None if milliseconds is None else timedelta(milliseconds=milliseconds))


def _stamp(text: str) -> str:
    return time_shown(_instant(text)) if text else NOTHING


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
