"""100,000 audit events are sealed and verified in under 30 s, in bounded memory (issue 5); the
short form has a tenth of them and of the time."""

from __future__ import annotations

import os
import time
import tracemalloc

import pytest
from structlog.testing import capture_logs

from audit.sealing import seal_all
from audit.verification import verify_audit
from tests.portal_database import PortalDatabase
from tests.support.audit import add_many, owner_of

IS_FULL = os.environ.get("LOADERPORTAL_TEST_FULL") == "1"
EVENTS = 100_000 if IS_FULL else 10_000
SECONDS = 30 if IS_FULL else 15
"""The limit is the full form's; the short one shares its processors with other tests."""

PEAK_BYTES = 24_000_000
"""Python's own, whatever the number of events: a chunk of rows and a batch of seals."""


@pytest.mark.usefixtures("committed_db")
def test_many_events_are_sealed_and_verified_in_time() -> None:
    add_many(EVENTS)
    start = time.monotonic()
    with capture_logs():
        assert seal_all() == EVENTS
    found = verify_audit()
    seconds = time.monotonic() - start
    assert (found.finding, found.seals, found.unsealed) == (None, EVENTS, 0)
    assert seconds < SECONDS


def test_memory_does_not_grow_with_the_trail(committed_db: PortalDatabase) -> None:
    add_many(EVENTS)
    tracemalloc.start()
    try:
        with capture_logs():
            seal_all()
        verify_audit()
        assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
    finally:
        tracemalloc.stop()
    with owner_of(committed_db) as owner:
        owner.execute("DELETE FROM audit_event WHERE object_id = %s", [f"OBJECT_{EVENTS // 2}"])
    finding = verify_audit().finding
    assert finding is not None
    assert finding.fault == "EVENT_REMOVED"
