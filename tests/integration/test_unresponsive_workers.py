"""Workers that live but don't answer are killed: ours, and only while they are at that run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as portal_settings

from core.clock import ClockTimestamp
from core.ids import uuid7
from execution import unresponsive
from execution.clusters import ClusterProcess, mark_of, marked
from execution.hints import EXEC_CLUSTER
from execution.models import LoaderExecutionLock, LoadHistory, RunStatus
from execution.services import reap_expired, request_cancel
from execution.services.release import release
from execution.unresponsive import WorkerWatch
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.replica import is_running, wait_until
from tests.support.scenes import Scene, lock_id_of

SECOND = timedelta(seconds=1)
WORKER = (
    "import pathlib, sys, time\n"
    "pathlib.Path('/proc/self/comm').write_text(sys.argv[1])\n"
    "print('ready', flush=True)\n"
    "time.sleep(120)\n"
)
"""Bears a run's mark and does nothing else. Its parent is the leader of the cluster's group."""
LEADER = (
    "import subprocess, sys\n"
    "worker = subprocess.Popen([sys.executable, '-c', sys.argv[1], sys.argv[2]])\n"
    "print(worker.pid, flush=True)\n"
    "worker.wait()\n"
    "sys.stdin.read()\n"
)


class Stand:
    """A cluster of one worker that is at a run, as processes."""

    def __init__(self, mark: str) -> None:
        self.leader = subprocess.Popen(
            [sys.executable, "-c", LEADER, WORKER, mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            text=True,
        )
        assert self.leader.stdout is not None
        lines = {self.leader.stdout.readline().strip() for _ in range(2)}
        self.worker = int(next(line for line in lines if line != "ready"))
        self.cluster = ClusterProcess(EXEC_CLUSTER)
        self.cluster._process = self.leader  # type: ignore[assignment]

    def end(self) -> None:
        """Leave nothing behind."""
        cluster = ClusterProcess(EXEC_CLUSTER)
        cluster._process = self.leader  # type: ignore[assignment]
        cluster.kill()
        for pipe in (self.leader.stdin, self.leader.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def scene(committed_db: PortalDatabase, postgres_source: SourceServer) -> Scene:
    return Scene(postgres_source, execution_timeout_seconds=60)


@pytest.fixture
def make_stand() -> Iterator[Callable[[str], Stand]]:
    """Makes stand-in clusters and ends them."""
    stands: list[Stand] = []

    def make(mark: str) -> Stand:
        stands.append(Stand(mark))
        return stands[-1]

    yield make
    for stand in stands:
        stand.end()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unresponsive, "grace", timedelta)


def at_run(scene: Scene, stand: Stand, history: LoadHistory, **values: Any) -> None:
    """Let the stand's worker have taken the window up."""
    LoaderExecutionLock.objects.filter(load_history=history).update(
        replica_name=portal_settings.REPLICA_NAME,
        worker_pid=stand.worker,
        **{"claimed_at": ClockTimestamp(), **values},
    )


def outcome_of(history: LoadHistory) -> tuple[str, str]:
    history.refresh_from_db()
    return history.status, history.error_code


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"cancel_requested": True}, (RunStatus.CANCELLED, "CANCELLED")),
        (
            {"claimed_at": ClockTimestamp() - 61 * SECOND},
            (RunStatus.FAILED, "EXECUTION_TIMEOUT"),
        ),
        (
            {"lease_until": ClockTimestamp() - SECOND},
            (RunStatus.FAILED, "LEASE_EXPIRED"),
        ),
    ],
)
def test_a_worker_that_does_not_end_its_run_is_killed_and_the_run_ended_at_once(
    scene: Scene,
    make_stand: Callable[[str], Stand],
    values: dict[str, Any],
    outcome: tuple[str, str],
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(lock_id_of(history)))
    at_run(scene, stand, history, **values)
    watch = WorkerWatch(stand.cluster)
    watch.look()
    watch.look()
    assert not is_running(stand.worker)
    assert stand.cluster.is_alive
    assert outcome_of(history) == outcome
    assert not LoaderExecutionLock.objects.active().exists()


@pytest.mark.usefixtures("no_grace")
def test_a_worker_whose_run_somebody_else_ended_is_killed_for_its_slot(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(lock_id_of(history)))
    at_run(scene, stand, history)
    release(lock_id_of(history))
    WorkerWatch(stand.cluster).look()
    assert not is_running(stand.worker)
    assert outcome_of(history)[0] == RunStatus.RUNNING  # whoever released it records the end


@pytest.mark.usefixtures("no_grace")
def test_a_worker_that_froze_before_it_could_take_its_window_is_killed_once_that_is_released(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(lock_id_of(history)))
    watch = WorkerWatch(stand.cluster)
    watch.look()
    assert is_running(stand.worker)
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - SECOND)
    assert reap_expired() == 1
    watch.look()
    assert not is_running(stand.worker)
    assert outcome_of(history) == (RunStatus.FAILED, "NOT_CLAIMED")


def test_a_worker_has_the_grace_to_end_a_run_that_was_cancelled(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(lock_id_of(history)))
    at_run(scene, stand, history)
    request_cancel(user=scene.people.operator, execution=history)
    watch = WorkerWatch(stand.cluster)
    for _ in range(3):
        watch.look()
    assert is_running(stand.worker)
    assert outcome_of(history)[0] == RunStatus.RUNNING


@pytest.mark.usefixtures("no_grace")
def test_a_worker_that_is_at_its_next_run_already_is_not_killed_for_the_last_one(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(uuid7()))
    at_run(scene, stand, history, lease_until=ClockTimestamp() - SECOND)
    WorkerWatch(stand.cluster).look()
    assert not stand.cluster.kill_worker(stand.worker, mark_of(lock_id_of(history)))
    assert is_running(stand.worker)


@pytest.mark.usefixtures("no_grace")
def test_a_process_of_another_cluster_is_not_killed_whatever_it_bears(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    mark = mark_of(lock_id_of(history))
    ours, foreign = make_stand(mark_of(uuid7())), make_stand(mark)
    at_run(scene, foreign, history, cancel_requested=True)
    watch = WorkerWatch(ours.cluster)
    watch.look()
    watch.look()
    assert not ours.cluster.kill_worker(foreign.worker, mark)
    assert is_running(foreign.worker)
    assert is_running(ours.worker)


@pytest.mark.usefixtures("no_grace")
def test_a_lock_of_another_replica_is_not_this_ones_business(
    scene: Scene, make_stand: Callable[[str], Stand]
) -> None:
    history = scene.dispatch()
    stand = make_stand(mark_of(lock_id_of(history)))
    at_run(scene, stand, history, lease_until=ClockTimestamp() - SECOND)
    LoaderExecutionLock.objects.update(replica_name="another-replica")
    WorkerWatch(stand.cluster).look()
    assert is_running(stand.worker)


def test_a_worker_bears_the_mark_of_its_run_and_no_longer() -> None:
    name = Path(f"/proc/{os.getpid()}/comm")
    before = name.read_text()
    lock_id = uuid7()

    def fail() -> None:
        with marked(lock_id):
            assert name.read_text().strip() == mark_of(lock_id)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert name.read_text() == before


def test_a_cluster_that_is_not_running_has_no_workers(make_stand: Callable[[str], Stand]) -> None:
    stand = make_stand(mark_of(uuid7()))
    assert set(stand.cluster.marked_workers()) == {stand.worker}
    stand.cluster.kill()
    wait_until(lambda: not is_running(stand.worker), seconds=5, what="the worker is gone")
    assert stand.cluster.marked_workers() == {}
    assert not stand.cluster.kill_worker(stand.worker, mark_of(uuid7()))


def test_foreign_processes_that_may_not_be_looked_at_are_passed_over(
    make_stand: Callable[[str], Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where /proc hides other people's processes, their files can't be asked for."""
    really_exists = Path.exists

    def closed(path: Path) -> bool:
        if str(path) == "/proc/1/stat":
            raise PermissionError(13, "Permission denied", str(path))
        return really_exists(path)

    stand = make_stand(mark_of(uuid7()))
    monkeypatch.setattr(Path, "exists", closed)
    assert set(stand.cluster.marked_workers()) == {stand.worker}
