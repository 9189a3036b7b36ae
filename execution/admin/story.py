"""What the page of an execution shows: a plain sentence first, then figures (spec 1, issue 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_access import name_of
from accounts.roles import Permission, User, may
from core.display import NOTHING, number_text, span_text, time_shown, window_shown
from core.shown_zone import in_shown_zone
from execution.admin.badges import duration_text, status_badge
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus, Trigger
from execution.sentences import comes_again, outcome, what_to_do
from loaders.models import ApprovalStatus

Facts = Iterable[tuple[str, Any]]

_MOST_ATTEMPTS = 10
_PHASES = {
    "connect": "Connecting to the source",
    "purge": "Making room",
    "load": "Reading and writing",
    "compare": "Comparing with what was replaced",
    "rollup": "Totalling up",
    "capture": "Keeping raw rows",
}


@dataclass(frozen=True)
class PhaseRow:
    """One phase: its name in words, its time, and its share of all phases, in percent."""

    name: str
    took: str
    share: float


def story(execution: LoadHistory, now: datetime) -> dict[str, Any]:
    """What changes while a run is under way: badge, sentence, and what follows from its end."""
    lock = None
    if execution.status == RunStatus.RUNNING:
        lock = LoaderExecutionLock.objects.active().filter(load_history=execution).first()
    return {
        "badges": [status_badge(execution)],
        "sentence": outcome(execution, now, rows_so_far=lock.rows_so_far if lock else None),
        "is_stopping": lock is not None and lock.cancel_requested,
        "again": _again(execution, now),
        "what_to_do": what_to_do(execution),
        "is_running": execution.status == RunStatus.RUNNING,
    }


def details(user: User, execution: LoadHistory, now: datetime) -> dict[str, Any]:
    """What stands below: counts, times, where it came from and its neighbours."""
    sees_source = may(user, Permission.VIEW_SQL)
    attempts = _attempts(execution)
    return {
        "counts": list(_counts(execution)),
        "phases": phase_rows(execution.metadata.get("phases", {})),
        "course": list(_course(execution, now)),
        "origin": list(_origin(execution, sees_source=sees_source)),
        "attempts": [_attempt_row(one, execution, now) for one in attempts],
        "before": _neighbour(execution, earlier=True),
        "after": _neighbour(execution, earlier=False),
        "kept": list(_kept(execution)) if sees_source else [],
        "traces": list(_traces(execution)) if sees_source and execution.error_code else [],
    }


def phase_rows(phases: dict[str, int]) -> Sequence[PhaseRow]:
    """Phases of a run (milliseconds by name) in their order, with their shares. Pure."""
    order = [*_PHASES, *sorted(phases.keys() - _PHASES.keys())]
    whole = sum(phases.values()) or 1
    return [
        PhaseRow(
            _PHASES.get(key, key.capitalize()), f"{phases[key]:,} ms", 100 * phases[key] / whole
        )
        for key in order
        if key in phases
    ]


def _again(execution: LoadHistory, now: datetime) -> str:
    """Whether it is tried again; asks for what came after only where that matters."""
    if execution.status not in {RunStatus.FAILED, RunStatus.CANCELLED}:
        return ""
    loader = execution.loader
    may_run = loader.enabled and loader.approval_status == ApprovalStatus.APPROVED
    if not Trigger(execution.trigger).is_live or not may_run:
        return ""
    live = [trigger for trigger in Trigger if trigger.is_live]
    later = LoadHistory.objects.filter(
        loader_id=execution.loader_id, trigger__in=live, start_time__gt=execution.start_time
    )
    return comes_again(
        execution, now, is_latest=not later.exists(), due_at=loader.state.next_due_at
    )


def _counts(execution: LoadHistory) -> Facts:
    """Nothing where a run ended without having counted."""
    if execution.records_read is None and execution.records_loaded is None:
        return
    yield "Read", number_text(execution.records_read)
    if not Trigger(execution.trigger).loads:
        return
    yield "Loaded", number_text(execution.records_loaded)
    yield "Replaced or removed", number_text(execution.records_purged)
    yield "Skipped", number_text(execution.records_skipped)
    yield "Bytes written", number_text(execution.bytes_written)
    yield in_shown_zone("Signals found"), _found(execution)


def _found(execution: LoadHistory) -> str:
    if execution.actual_from_time is None or execution.actual_to_time is None:
        return "No rows"
    first, last = execution.actual_from_time, execution.actual_to_time
    return format_html("{} to {}", time_shown(first), time_shown(last))


def _course(execution: LoadHistory, now: datetime) -> Facts:
    yield in_shown_zone("Window"), window_shown(execution.query_from_time, execution.query_to_time)
    yield in_shown_zone("Asked for"), time_shown(execution.start_time)
    yield in_shown_zone("Taken up"), time_shown(execution.claimed_at)
    yield in_shown_zone("Ended"), time_shown(execution.end_time)
    waited = (execution.claimed_at or execution.end_time or now) - execution.start_time
    yield "Waited", span_text(waited)
    yield "Duration", duration_text(execution, now)
    yield "Attempt", number_text(execution.attempt)
    if Trigger(execution.trigger).loads:
        yield "Where signals stood", execution.get_purge_strategy_display()


def _origin(execution: LoadHistory, *, sees_source: bool) -> Facts:
    yield "Trigger", execution.get_trigger_display()
    yield "Asked for by", name_of(execution.requested_by)
    yield "Source", execution.source_db_code or NOTHING
    yield "Version", _version(execution)
    yield "Correlation id", execution.correlation_id
    if sees_source:
        yield "Replica", execution.replica_name or NOTHING


def _version(execution: LoadHistory) -> SafeString | str:
    if execution.version is None:
        return "The draft" if execution.source_db_code else NOTHING
    address = reverse("admin:loaders_loaderversion_change", args=[execution.version_id])
    return format_html('<a class="lp-link" href="{}">{}</a>', address, execution.version.number)


def _attempts(execution: LoadHistory) -> Sequence[LoadHistory]:
    """All executions over time that begins with this one's, if there are others: the first ten."""
    same = LoadHistory.objects.filter(
        loader_id=execution.loader_id, query_from_time=execution.query_from_time
    ).defer("source_error", "stack_trace")
    found = list(same.order_by("start_time")[:_MOST_ATTEMPTS])
    return found if len(found) > 1 else []


def _attempt_row(one: LoadHistory, shown: LoadHistory, now: datetime) -> dict[str, Any]:
    return {
        "address": _address(one),
        "is_shown": one.pk == shown.pk,
        "started": time_shown(one.start_time),
        "trigger": one.get_trigger_display(),
        "window": window_shown(one.query_from_time, one.query_to_time),
        "status": status_badge(one),
        "duration": duration_text(one, now),
        "error": one.error_code,
    }


def _neighbour(execution: LoadHistory, *, earlier: bool) -> str:
    """Where the loader's execution before or after this one is."""
    own = LoadHistory.objects.filter(loader_id=execution.loader_id).only("pk")
    if earlier:
        found = own.filter(start_time__lt=execution.start_time).order_by("-start_time").first()
    else:
        found = own.filter(start_time__gt=execution.start_time).order_by("start_time").first()
    return "" if found is None else _address(found)


def _kept(execution: LoadHistory) -> Facts:
    capture = execution.capture
    if capture:
        yield "File", str(capture.get("path", NOTHING))
        yield "Rows", number_text(capture.get("rows"))
        yield "Bytes", number_text(capture.get("bytes"))


def _traces(execution: LoadHistory) -> Iterable[tuple[str, str]]:
    """What quotes SQL and data: for those only who may see both."""
    stored = LoadHistory.objects.only("source_error", "stack_trace").get(pk=execution.pk)
    yield "The source said", stored.source_error or ""
    yield "Stack trace", stored.stack_trace or ""


def _address(execution: LoadHistory) -> str:
    return reverse("admin:execution_loadhistory_change", args=[execution.pk])
