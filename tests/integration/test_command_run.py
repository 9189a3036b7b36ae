"""`manage.py loader run`: with and without waiting for the end, and what Ctrl-C does not do."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from core.ids import uuid7
from execution import engine
from execution.models import LoaderExecutionLock, LoadHistory, Replica
from execution.services import request_cancel
from loaders.services import disable
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.commands import manage, start
from tests.support.replica import wait_until
from tests.support.scenes import HOUR, START, Scene, add_orders
from tests.support.target import plant, signals

pytestmark = pytest.mark.usefixtures("committed_db")

RUN = ("loader", "run", "ORDERS_HOURLY")


@pytest.fixture
def scene(postgres_source: SourceServer) -> Scene:
    scene = Scene(postgres_source)
    add_orders(postgres_source, (START, "Riyadh", "web", 1.0), (START, "Riyadh", "app", 2.0))
    return scene


def active() -> Any:
    return LoaderExecutionLock.objects.active()


@contextmanager
def worker(first: Callable[[LoadHistory], None] | None = None) -> Iterator[None]:
    """Somebody who takes up the run that is handed out meanwhile, `first` doing this to it."""

    def work() -> None:
        try:
            wait_until(lambda: active().exists(), seconds=20, what="a run is handed out")
            lock = active().get()
            if first is not None:
                first(lock.load_history)
            engine.run(lock.lock_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        yield
        working.result()


def test_a_run_is_handed_out_and_its_id_printed(scene: Scene) -> None:
    outcome = manage(*RUN, as_user=scene.people.operator)
    assert (outcome.code, outcome.err) == (0, "")
    execution = LoadHistory.objects.get(pk=UUID(outcome.out.strip()))
    assert (execution.status, execution.trigger) == ("RUNNING", "MANUAL")
    assert execution.requested_by == scene.people.operator


def test_the_system_may_run_and_no_person_is_named(scene: Scene) -> None:
    document = manage(*RUN, "--json").document()
    assert set(document) == {"executionId", "status", "startTime"}
    assert LoadHistory.objects.get(pk=document["executionId"]).requested_by is None


def test_waiting_ends_with_the_run_and_tells_its_figures(scene: Scene) -> None:
    with worker():
        outcome = manage(*RUN, "--wait")
    assert outcome.code == 0, outcome
    assert len(signals()) == 2
    told = dict(line.split("  ", 1) for line in outcome.out.splitlines())
    assert told["status"].strip() == "Succeeded"
    assert told["rows loaded"].strip() == "2"
    assert outcome.err.splitlines()[0].endswith("UTC: queued")
    assert outcome.err.splitlines()[-1].endswith("UTC: succeeded")


def test_waiting_with_json_answers_as_the_api_does_and_says_nothing_else(scene: Scene) -> None:
    with worker():
        outcome = manage(*RUN, "--wait", "--json")
    document = outcome.document()
    assert (outcome.code, outcome.err) == (0, "")
    assert (document["status"], document["recordsLoaded"]) == ("SUCCESS", 2)
    assert {"executionId", "loaderCode", "queryFromTime", "errorCode"} <= set(document)


def test_a_run_that_fails_is_exit_code_1_and_says_why(scene: Scene) -> None:
    plant("ORDERS_HOURLY", 1)
    with worker():
        outcome = manage(*RUN, "--wait")
    assert outcome.code == 1
    assert "DUPLICATE_DATA: " in outcome.out


def test_a_run_that_was_cut_short_by_its_row_limit_is_no_failure(
    postgres_source: SourceServer,
) -> None:
    Scene(postgres_source, row_cap=1)
    rows = [(START + hours * HOUR, "Riyadh", "web", 1.0) for hours in range(4)]
    add_orders(postgres_source, *rows)
    with worker():
        outcome = manage(*RUN, "--wait", "--json")
    assert (outcome.code, outcome.document()["status"]) == (0, "PARTIAL")


def test_a_run_that_was_cancelled_has_an_exit_code_of_its_own(scene: Scene) -> None:
    def cancel(execution: LoadHistory) -> None:
        request_cancel(user=scene.people.operator, execution=execution)

    with worker(first=cancel):
        outcome = manage(*RUN, "--wait", "--json")
    assert (outcome.code, outcome.document()["status"]) == (9, "CANCELLED")


def test_waiting_no_longer_than_told_leaves_the_run_alone(scene: Scene) -> None:
    outcome = manage(*RUN, "--wait", "--timeout", "0.1", "--json")
    assert (outcome.code, outcome.problem()["code"]) == (7, "WAIT_TIMED_OUT")
    assert active().get().cancel_requested is False


def test_what_cannot_start_now_is_worth_another_try_and_what_is_disabled_is_not(
    scene: Scene,
) -> None:
    manage(*RUN)
    busy = manage(*RUN)
    assert (busy.code, busy.err.partition(":")[0]) == (7, "LOADER_AT_CAPACITY")
    disable(user=scene.people.operator, loader=scene.loader)
    assert manage(*RUN).code == 5


def test_without_a_worker_nothing_starts(scene: Scene) -> None:
    Replica.objects.all().delete()
    outcome = manage(*RUN, "--wait")
    assert (outcome.code, outcome.out) == (7, "")
    assert not LoadHistory.objects.exists()


def test_an_altered_definition_is_refused(scene: Scene) -> None:
    type(scene.loader).objects.update(grain_seconds=60)
    outcome = manage(*RUN)
    assert (outcome.code, outcome.err.partition(":")[0]) == (5, "DEFINITION_TAMPERED")


def test_show_tells_the_last_runs_and_replicas_only_to_whom_may_see_them(scene: Scene) -> None:
    execution = scene.run()
    words = ("loader", "show", "ORDERS_HOURLY")
    assert str(execution.pk) in manage(*words).out
    [run] = manage(*words, "--json", as_user=scene.people.operator).document()["executions"]
    assert (run["executionId"], run["replicaName"]) == (str(execution.pk), "test-replica")
    [run] = manage(*words, "--json", as_user=scene.people.viewer).document()["executions"]
    assert "replicaName" not in run
    assert manage(*words, "--json", "--runs", "0").document()["executions"] == []


def test_ctrl_c_stops_the_waiting_and_not_the_run(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    process = start(committed_db, *RUN, "--wait", "--as", "operator-person")
    assert process.stderr is not None
    assert process.stderr.readline().endswith("queued\n")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "")
    execution = LoadHistory.objects.get()
    assert err.startswith(f"INTERRUPTED: Stopped waiting. Execution {execution.pk} goes on; ")
    assert (execution.status, active().get().cancel_requested) == ("RUNNING", False)


def test_a_process_answers_with_one_document_and_nothing_else(
    scene: Scene, committed_db: PortalDatabase
) -> None:
    listing = start(committed_db, "loader", "list", "--json")
    refused = start(committed_db, "loader", "enable", "NOWHERE", "--as", str(uuid7()))
    unknown = start(committed_db, "loader", "approve", "ORDERS_HOURLY")
    out, err = listing.communicate(timeout=90)
    assert [row["loaderCode"] for row in json.loads(out)["results"]] == ["ORDERS_HOURLY"]
    assert (listing.returncode, err) == (0, "")
    out, err = refused.communicate(timeout=90)
    assert (refused.returncode, out, err.count("\n")) == (8, "", 1)
    unknown.communicate(timeout=90)
    assert unknown.returncode == 2
