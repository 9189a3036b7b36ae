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
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from tests.chaos.checker import Checker, standing
from tests.chaos.faults import KINDS, happen, schedule
from tests.chaos.witness import PollWitness
from tests.chaos.world import MOST_ACTIVE, World
from tests.support.replica import wait_until

SHORT_SECONDS = 45
LONG_SECONDS = 600
SETTLE_SECONDS = 240


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
def world(django_db_blocker: DjangoDbBlocker, tmp_path: Path, seed: int) -> Iterator[World]:
    with django_db_blocker.unblock(), World(tmp_path, seed=seed) as world:
        yield world


@contextmanager
def reported(world: World) -> Iterator[None]:
    """How things stand, and where the replicas' logs lie, when something is not as it should be."""
    try:
        yield
    except BaseException:
        say(f"{datetime.now(UTC):%H:%M:%S} UTC; the replicas' logs are in {world.directory}.")
        with world.control() as session:
            for line in standing(session):
                say(line)
        raise


def settle(world: World, until: datetime) -> None:
    """Let the portal load everything up to an instant, with an operator who does not wait."""
    deadline = time.monotonic() + SETTLE_SECONDS
    with world.control() as session:
        checker = Checker(session, world.sources, world.plans)
        while behind := checker.behind(until):
            world.tend()
            assert time.monotonic() < deadline, f"not loaded to the end: {behind}"
            world.operator.run_what_waits(most=len(behind))
            time.sleep(0.2)


PLANTED = (
    "UPDATE signals.signals_history SET sum_val = sum_val + 1 WHERE loader_code = 'CHAOS_03' "
    "AND sum_val IS NOT NULL",
    "DELETE FROM signals.signals_history WHERE loader_code = 'CHAOS_04' "
    "AND load_time_stamp = (SELECT min(load_time_stamp) FROM signals.signals_history "
    "WHERE loader_code = 'CHAOS_04')",
    "DELETE FROM loader.coverage WHERE loader_code = 'CHAOS_05'",
    "DELETE FROM loader.loader_event WHERE loader_code = 'CHAOS_06'",
    "UPDATE loader.load_history SET status = 'RUNNING' WHERE id = (SELECT id "
    "FROM loader.load_history WHERE loader_code = 'CHAOS_07' AND status = 'SUCCESS' "
    "ORDER BY start_time LIMIT 1)",
    "UPDATE loader.loader_execution_lock SET released = false WHERE lock_id IN "
    "(SELECT DISTINCT ON (loader_code) lock_id FROM loader.loader_execution_lock "
    f"ORDER BY loader_code LIMIT {MOST_ACTIVE + 1})",
)
FOUND = (
    "differ:",
    "the rollup at",
    "missing, such as",
    "coverage ends at",
    "events of runs, and runs:",
    "run RUNNING: CHAOS_07",
    "though the one before had come to",
    "lock held: CHAOS_00",
    f"cap of all exceeded by CHAOS_00: {MOST_ACTIVE + 1} of {MOST_ACTIVE}",
)


def check_the_checker(session: psycopg.Connection, checker: Checker, until: datetime) -> None:
    """A checker that says nothing is one that would have spoken."""
    for statement in PLANTED:
        session.execute(statement)
    said = "\n".join(checker.faults(until))
    assert [words for words in FOUND if words not in said] == []


def test_every_window_is_loaded_exactly_once_whatever_goes_wrong(
    world: World, seed: int, seconds: int
) -> None:
    planned = schedule(seed, seconds)
    say(f"seed {seed}, {len(planned)} faults of {len(KINDS)} kinds in {seconds} s")
    with reported(world):
        wait_until(world.is_up, seconds=90, what="the portal works")
        began = time.monotonic()
        with PollWitness(world.control) as witness:
            happen(world, seed, planned, say)
            say(f"{time.monotonic() - began:6.1f} s  all is over, but for the loading")
            until = datetime.now(UTC)
            settle(world, until)
        say(f"{time.monotonic() - began:6.1f} s  all is loaded up to {until:%H:%M:%S}")
        for writer in world.writers:
            writer.stop()
        world.operator.disable_all()
        wait_until(world.is_at_rest, seconds=60, what="no run is under way")
        assert world.stop_replicas() == [0, 0]
        connections.close_all()
        assert world.processes() == []
        with world.control() as session:
            checker = Checker(session, world.sources, world.plans)
            say(checker.summary())
            faults = checker.faults(until)
            busiest = checker.busiest()
            if not faults:
                check_the_checker(session, checker, until)
        say(f"longest poll gap {witness.longest_gap:.1f} s of {witness.samples} samples")
        assert [w.broken_promises for w in world.writers] == [[], []], "too slow to be judged"
        assert not faults, "\n".join(faults)
        assert busiest == MOST_ACTIVE, "the caps were never put to the test"
        assert all(line.breaks for line in world.lines.values())
        assert all(writer.changes > seconds / 2 for writer in world.writers)
