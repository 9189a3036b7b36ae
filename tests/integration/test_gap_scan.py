"""The scan for gaps: what it finds, what it submits, what it leaves alone (spec 9)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.roles import SYSTEM, PermissionDeniedError
from audit.models import AuditEvent, LoaderEvent
from backfill import gaps
from backfill.gaps import Fate
from backfill.models import BackfillJob, GapFinding, GapScan
from backfill.services import gap_scan, submitting
from backfill.services.gap_scan import GAP_SCAN, scan_as_system, scan_gaps
from core.clock import database_now
from execution.maintenance.registry import registered
from execution.maintenance.runner import due_jobs
from execution.models import Gap, MaintenanceJob
from execution.services import waive_gaps
from execution.services.count_check import loaders_miscounted
from loaders.models import Loader, SourceDatabase
from loaders.services import disable
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.api import Client
from tests.support.backfills import backfill_scene, cycle, execute_all
from tests.support.by_hand import ByHand
from tests.support.commands import manage
from tests.support.coverage import cover, hour, hours, rows, stored
from tests.support.definitions import make_source
from tests.support.people import People
from tests.support.scenes import START, Scene, make_loader

LINE = ((0, 4, "LOADED"), (6, 8, "FAILED"), (8, 9, "EMPTY"), (9, 10, "UNVERIFIED"))


@pytest.fixture(autouse=True)
def _reach(settings: Any) -> None:
    """The scenes lie months back."""
    settings.GAP_LOOKBACK = timedelta(days=100_000)
    settings.GAP_MIN = timedelta(minutes=5)
    settings.GAP_MAX_JOBS = 100


@pytest.fixture
def people(db: None) -> People:
    return People()


@pytest.fixture
def loader(people: People) -> Loader:
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY", end_at=None)
    cover(loader, *LINE, watermark=12)
    return loader


def jobs() -> list[tuple[float, float]]:
    return [
        ((job.from_time - START) / (hour(1) - START), (job.to_time - START) / (hour(1) - START))
        for job in BackfillJob.objects.order_by("from_time")
    ]


def test_failed_missing_and_unverified_stretches_become_one_backfill_a_gap(loader: Loader) -> None:
    scan = scan_gaps(user=SYSTEM)
    assert jobs() == [(4, 8), (9, 12)]
    job = BackfillJob.objects.order_by("from_time")[0]
    assert (job.purge_strategy, job.origin, job.priority) == ("PURGE_AND_RELOAD", "gap scan", 9)
    assert (scan.gaps_found, scan.gaps_new, scan.jobs_made) == (2, 2, 2)
    assert (scan.loaders_scanned, scan.loaders_left_out) == (1, {})
    assert scan.ended_at is not None
    findings = list(GapFinding.objects.values_list("fate", "states", "is_new"))
    assert findings == [
        ("SUBMITTED", ["MISSING", "FAILED"], True),
        ("SUBMITTED", ["UNVERIFIED", "MISSING"], True),
    ]
    events = LoaderEvent.objects.filter(kind="GAP_FOUND")
    assert [event.window_from for event in events] == [hour(4), hour(9)]


def test_a_second_scan_makes_none_again_and_tells_of_nothing_new(loader: Loader) -> None:
    scan_gaps(user=SYSTEM)
    again = scan_gaps(user=SYSTEM)
    assert (again.gaps_by_fate, again.gaps_new) == ({"IN_HAND": 2}, 0)
    assert len(jobs()) == LoaderEvent.objects.filter(kind="GAP_FOUND").count() == 2


def test_waived_empty_and_expired_stretches_and_what_the_source_forgot_are_left(
    people: People, loader: Loader
) -> None:
    waive_gaps(user=people.operator, loader=loader, window=hours(4, 6), reason="Closed.")
    cover(loader, (-2, 0, "EXPIRED"))
    days = (database_now() - hour(12)) / timedelta(days=1)
    SourceDatabase.objects.update(retention_days=int(days))
    assert scan_gaps(user=SYSTEM).gaps_found == 0
    SourceDatabase.objects.update(retention_days=int(days) + 2)
    scan_gaps(user=SYSTEM)
    assert jobs() == [(6, 8), (9, 12)]


def test_a_disabled_loader_is_left_out_and_told_so(people: People, loader: Loader) -> None:
    disable(user=people.operator, loader=loader)
    scan = scan_gaps(user=SYSTEM)
    assert (scan.loaders_scanned, scan.loaders_left_out) == (0, {"DISABLED": 1})
    assert (scan.gaps_by_fate, jobs()) == ({"LOADER_LEFT_OUT": 2}, [])


def test_a_scan_makes_at_most_so_many_and_the_next_goes_on(loader: Loader, settings: Any) -> None:
    settings.GAP_MAX_JOBS = 1
    assert scan_gaps(user=SYSTEM).gaps_by_fate == {"SUBMITTED": 1, "LATER": 1}
    assert scan_gaps(user=SYSTEM).gaps_by_fate == {"SUBMITTED": 1, "IN_HAND": 1}
    assert jobs() == [(4, 8), (9, 12)]


def test_reports_are_kept_for_a_while_only(loader: Loader) -> None:
    old = scan_gaps(user=SYSTEM)
    GapScan.objects.update(started_at=database_now() - timedelta(days=91))
    scan_as_system()
    assert [scan.pk == old.pk for scan in GapScan.objects.all()] == [False]
    assert not GapFinding.objects.filter(scan=old).exists()
    assert BackfillJob.objects.count() == 2


def test_a_scan_that_is_asked_for_is_due_at_once_and_the_trail_says_by_whom(
    people: People, loader: Loader
) -> None:
    MaintenanceJob.objects.create(name=GAP_SCAN, last_started_at=database_now())
    assert GAP_SCAN not in {job.name for _, job, _ in due_jobs()}
    status, answer = Client(people.operator).post("gaps/scans")
    assert (status, answer) == (202, {"status": "ASKED"})
    assert GAP_SCAN in {job.name for _, job, _ in due_jobs()}
    assert AuditEvent.objects.get(action="gaps.scan.ask").actor == people.operator


def test_a_report_and_its_findings_are_read_by_whom_reaches_the_loaders(
    people: People, loader: Loader
) -> None:
    scan = scan_gaps(user=SYSTEM)
    client = Client(people.viewer)
    (shown,) = client.get("gaps/scans")[1]["results"]
    assert shown["gapsByFate"] == {"SUBMITTED": 2}
    assert client.get(f"gaps/scans/{scan.pk}")[1] == shown
    _, findings = client.get(f"gaps/scans/{scan.pk}/findings")
    assert {one["loaderCode"] for one in findings["results"]} == {"ORDERS_HOURLY"}
    assert all(one["backfillId"] for one in findings["results"])
    assert client.get(f"gaps/scans/{loader.pk}")[1]["code"] == "GAP_SCAN_NOT_FOUND"


def test_the_command_scans_lists_and_waives(loader: Loader) -> None:
    document = manage("gaps", "list", "--state", "FAILED", "--json").document()
    (gap,) = document["results"]
    outcome = manage("gaps", "waive", gap["gapId"], "--reason", "Closed.")
    assert outcome.out == "ORDERS_HOURLY: waived 2026-01-01 06:00 → 08:00 UTC.\n"
    words = ("gaps", "waive", "ORDERS_HOURLY", "--reason", "Closed.", "--from", "2026-01-01T04:00")
    assert manage(*words).code == 6
    assert manage(*words, "--to", "2026-01-01T06:00").code == 0
    document = manage("gaps", "scan", "--json").document()
    assert (document["gapsFound"], document["findings"][0]["fate"]) == (1, "SUBMITTED")
    assert "ORDERS_HOURLY" in manage("gaps", "list", "ORDERS_HOURLY").out


def test_a_gap_that_is_too_short_is_told_and_left(loader: Loader, settings: Any) -> None:
    settings.GAP_MIN = timedelta(hours=4)
    assert scan_gaps(user=SYSTEM).gaps_by_fate == {"SUBMITTED": 1, "TOO_SHORT": 1}


def test_a_refused_backfill_does_not_stop_the_scan(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = submitting.submit

    def refuse_the_first(**values: Any) -> BackfillJob:
        if values["wanted"].from_time == hour(4):
            disable(user=SYSTEM, loader=loader)
        return real(**values)

    monkeypatch.setattr(gap_scan, "submit", refuse_the_first)
    scan = scan_gaps(user=SYSTEM)
    refused = GapFinding.objects.filter(fate=Fate.REFUSED).first()
    assert refused is not None
    assert (refused.error_code, scan.ended_at is None) == ("LOADER_DISABLED", False)
    assert scan.gaps_by_fate == {"REFUSED": 1, "SUBMITTED": 1}


def test_operators_scan_and_nobody_else(people: People, loader: Loader) -> None:
    for nobody in (people.viewer, people.approver):
        with pytest.raises(PermissionDeniedError):
            scan_gaps(user=nobody)
    assert scan_gaps(user=people.operator).requested_by == people.operator
    assert AuditEvent.objects.filter(action="gaps.scan").count() == 1
    assert registered()[GAP_SCAN].function is scan_as_system


def test_signals_that_somebody_deleted_are_found_and_made_a_gap(people: People) -> None:
    loaders = [
        make_loader(people, source, code, end_at=None)
        for source in [make_source(people)]
        for code in ("ORDERS_HOURLY", "REFUNDS_HOURLY")
    ]
    hands = [ByHand(loader) for loader in loaders]
    for number in range(8):
        for hand in hands:
            first = max(number - 1, 0)
            hand.run(first, number + 1, [first, number], moves_to=number + 1)
    assert loaders_miscounted(START) == []
    hands[0].lose([3])
    assert loaders_miscounted(START) == ["ORDERS_HOURLY"]
    scan = scan_gaps(user=SYSTEM)
    assert (scan.loaders_miscounted, scan.stretches_lost, scan.loaders_unverified) == (1, 1, 0)
    assert jobs() == [(3, 4)]
    assert len(stored("REFUNDS_HOURLY")) == 1


def test_what_there_is_no_time_for_is_told_and_left_for_the_next_scan(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = ByHand(make_loader(people, make_source(people), "ORDERS_HOURLY", end_at=None))
    hand.run(0, 4, [0, 1, 2, 3], moves_to=4)
    hand.lose([2])
    monkeypatch.setattr(gap_scan, "VERIFY_SECONDS", -1.0)
    scan = scan_gaps(user=SYSTEM)
    assert (scan.loaders_miscounted, scan.loaders_unverified, scan.stretches_lost) == (1, 1, 0)
    assert jobs() == []


# --- two at once --------------------------------------------------------------------------------


def test_two_scans_at_once_make_each_backfill_once(
    committed_db: PortalDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = People()
    loader = make_loader(people, make_source(people), "ORDERS_HOURLY", end_at=None)
    cover(loader, *LINE, watermark=12)
    both_have_planned = threading.Barrier(2)
    real = gaps.plan

    def plan_together(*arguments: Any) -> Any:
        planned = real(*arguments)
        both_have_planned.wait(timeout=20)
        return planned

    monkeypatch.setattr(gap_scan, "plan", plan_together)

    def scan_elsewhere() -> None:
        try:
            scan_gaps(user=SYSTEM)
        finally:
            connection.close()

    threads = [threading.Thread(target=scan_elsewhere) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert jobs() == [(4, 8), (9, 12)]
    fates = [scan.gaps_by_fate for scan in GapScan.objects.all()]
    assert sum(fate.get("SUBMITTED", 0) for fate in fates) == 2
    assert sum(fate.get("IN_HAND", 0) for fate in fates) == 2


# --- from the deletion to the reload --------------------------------------------------------------


def test_what_was_deleted_behind_the_products_back_is_loaded_again_and_nothing_else(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene: Scene = backfill_scene(postgres_source)
    cover(scene.loader, (-1, 0, "EMPTY"))
    scan_gaps(user=SYSTEM)
    _work_off(scene)
    whole = _content()
    assert len(whole) == 24
    assert Gap.objects.count() == 0
    lost = [whole[7], whole[20]]
    for row in lost:
        rows(
            "DELETE FROM signals.signals_history WHERE load_time_stamp = %s "
            "RETURNING load_time_stamp",
            [row[0]],
        )
    untouched = rows("SELECT load_time_stamp, load_history_id FROM signals.signals_history")
    scan = scan_gaps(user=SYSTEM)
    assert scan.stretches_lost == 2
    _work_off(scene)
    assert _content() == whole
    again = dict(rows("SELECT load_time_stamp, load_history_id FROM signals.signals_history"))
    reloaded = {stamp for stamp, run in untouched if again[stamp] != run}
    windows = [job.window for job in BackfillJob.objects.filter(requested_at__gt=scan.started_at)]
    assert len(windows) == 2
    assert all(any(window.contains(stamp) for window in windows) for stamp in reloaded)
    assert scan_gaps(user=SYSTEM).gaps_found == 0


def _work_off(scene: Scene) -> None:
    for _ in range(40):
        cycle(scene)
        execute_all()
        if not BackfillJob.objects.active().exists():
            return
    raise AssertionError("The backfills don't end.")


def _content() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT load_time_stamp, segment_code, rec_count, sum_val FROM signals.signals_history "
        "ORDER BY 1, 2"
    )


def test_an_altered_definition_is_audited_by_the_scan_that_meets_it(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = submitting.submit

    def alter_first(**values: Any) -> BackfillJob:
        Loader.objects.update(lateness_seconds=7)
        return real(**values)

    monkeypatch.setattr(gap_scan, "submit", alter_first)
    assert set(scan_gaps(user=SYSTEM).gaps_by_fate) == {"REFUSED"}
    told = AuditEvent.objects.filter(action="loader.refused")
    assert {event.object_id for event in told} == {"ORDERS_HOURLY"}
