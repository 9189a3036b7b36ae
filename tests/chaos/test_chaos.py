"""Everything that can go wrong, at random and at once; afterwards every window stands there once.

`LOADERPORTAL_CHAOS_DURATION` (seconds) and `LOADERPORTAL_CHAOS_SEED` make it longer and other
(`make chaos DURATION=600 SEED=1`). The report names the seed and each fault.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from tests.chaos.attendant import unfinished
from tests.chaos.checker import Checker
from tests.chaos.faults import KINDS, happen, schedule
from tests.chaos.witness import PollWitness
from tests.chaos.world import MOST_ACTIVE, World
from tests.support.replica import wait_until

SHORT_SECONDS = 40
LONG_SECONDS = 600
SETTLE_SECONDS = 150


def say(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("LOADERPORTAL_CHAOS_SEED", "1"))


@pytest.fixture
def seconds() -> int:
    usual = LONG_SECONDS if os.environ.get("LOADERPORTAL_TEST_FULL") == "1" else SHORT_SECONDS
    return int(os.environ.get("LOADERPORTAL_CHAOS_DURATION", str(usual)))


@pytest.fixture
def world(
    django_db_blocker: DjangoDbBlocker, tmp_path: Path, seed: int, seconds: int
) -> Iterator[World]:
    until = datetime.now(UTC) + timedelta(seconds=seconds + 20)
    with django_db_blocker.unblock(), World(tmp_path, seed=seed, until=until) as world:
        yield world


@contextmanager
def reported(world: World) -> Iterator[None]:
    """Where the replicas' logs lie, when something is not as it should be."""
    try:
        yield
    except BaseException:
        say(f"The replicas' logs are in {world.directory}.")
        raise


def settle(world: World) -> None:
    """Until all loaders have come to their end and no run is under way."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with world.control() as session:
        while left := unfinished(session):
            world.tend()
            assert time.monotonic() < deadline, f"not loaded to the end: {left}"
            world.operator.run_what_waits(most=len(left))
            time.sleep(0.2)
    wait_until(lambda: not _active(world), seconds=30, what="no lock is held")


def _active(world: World) -> int:
    with world.control() as session:
        found = session.execute(
            "SELECT count(*) FROM loader.loader_execution_lock WHERE NOT released"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_every_window_is_loaded_exactly_once_whatever_goes_wrong(
    world: World, seed: int, seconds: int
) -> None:
    planned = schedule(seed, seconds)
    say(f"seed {seed}, {len(planned)} faults of {len(KINDS)} kinds in {seconds} s")
    with reported(world):
        wait_until(lambda: _active(world) > 0, seconds=60, what="the portal works")
        began = time.monotonic()
        with PollWitness(world.control) as witness:
            happen(world, seed, planned, say)
            say(f"{time.monotonic() - began:6.1f} s  all is over, but for the loading")
            settle(world)
        say(f"{time.monotonic() - began:6.1f} s  all loaders have come to their end")
        for writer in world.writers:
            writer.stop()
        assert world.stop_replicas() == [0, 0]
        connections.close_all()
        assert world.processes() == []
        with world.control() as session:
            checker = Checker(session, world.sources, world.plans)
            say(checker.summary())
            faults = checker.faults()
            busiest = checker.busiest()
        say(f"longest poll gap {witness.longest_gap:.1f} s of {witness.samples} samples")
        assert [w.broken_promises for w in world.writers] == [[], []], "too slow to be judged"
        assert not faults, "\n".join(faults)
        assert busiest == MOST_ACTIVE, "the caps were never put to the test"
        assert all(line.breaks for line in world.lines.values())
        assert all(writer.changes > seconds / 2 for writer in world.writers)
