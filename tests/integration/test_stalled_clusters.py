"""A cluster is started anew for its own silence, not for what was before it or beyond it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DatabaseError

from core.clock import database_now
from execution.clusters import ClusterProcess
from execution.hints import POLL_CLUSTER
from execution.models import SchedulerLease
from execution.supervisor import Supervisor

pytestmark = pytest.mark.django_db


@pytest.fixture
def poll() -> Iterator[ClusterProcess]:
    """A poll cluster that has run for ten minutes and done nothing."""
    cluster = ClusterProcess(POLL_CLUSTER)
    cluster._process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], process_group=0
    )
    cluster._started = time.monotonic() - 600
    yield cluster
    cluster.kill()


@pytest.fixture
def supervisor(poll: ClusterProcess) -> Supervisor:
    """Its supervisor, a minute after the last cycle anywhere."""
    SchedulerLease.objects.update(last_cycle_at=database_now() - timedelta(minutes=1))
    supervisor = Supervisor()
    supervisor._clusters = {POLL_CLUSTER: poll}
    supervisor._next_beat = supervisor._next_tick = float("inf")
    supervisor._last_turn = time.monotonic()
    return supervisor


def test_a_poll_cluster_that_brings_no_cycle_is_ended(
    supervisor: Supervisor, poll: ClusterProcess
) -> None:
    supervisor._turn()
    supervisor._watch_scheduler()
    assert not poll.is_alive
    assert poll.running_for == 0


def test_a_poll_cluster_that_was_started_just_now_is_not(
    supervisor: Supervisor, poll: ClusterProcess
) -> None:
    poll._started = time.monotonic() - 5
    supervisor._watch_scheduler()
    assert poll.is_alive


def test_nor_one_whose_database_was_away(
    supervisor: Supervisor, poll: ClusterProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DatabaseError

    monkeypatch.setattr(supervisor, "_tick", fail)
    supervisor._next_tick = 0.0
    supervisor._turn()
    supervisor._watch_scheduler()
    assert poll.is_alive


def test_nor_one_that_was_frozen_with_its_supervisor(
    supervisor: Supervisor, poll: ClusterProcess
) -> None:
    supervisor._last_turn = time.monotonic() - 40
    supervisor._turn()
    supervisor._watch_scheduler()
    assert poll.is_alive
