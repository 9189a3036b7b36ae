"""A worker that is killed in the middle of a restore leaves everything as it was."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

from django.db import connection

from core.clock import ClockTimestamp
from execution.models import CoverageInterval, LoaderExecutionLock, RunStatus
from execution.services import reap_expired, restore_output
from signals.models import OutputVersion
from tests.portal_database import PortalDatabase
from tests.servers import SourceServer
from tests.support.outputs import content, kept_content, kept_rows, reloaded_scene, restore
from tests.support.portal import portal_environment
from tests.support.replica import wait_until
from tests.support.scenes import lock_id_of

COLUMNS = "load_time_stamp, segment_code, rec_count, sum_val, load_history_id"


def waits_at_its_commit() -> bool:
    """Whether the worker has put the rows back and waits for the row of coverage."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity a JOIN loader_execution_lock l "
            "ON l.backend_pid = a.pid AND l.backend_start = a.backend_start "
            "WHERE NOT l.released AND a.wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None


def test_a_killed_restore_leaves_everything_as_it_was_and_can_be_asked_for_again(
    committed_db: PortalDatabase, postgres_source: SourceServer
) -> None:
    scene, version = reloaded_scene(postgres_source)
    before, kept = content(COLUMNS), kept_content(version, COLUMNS)
    coverage = list(CoverageInterval.objects.values("state", "rec_count", "load_history_id"))
    history = restore_output(user=scene.people.operator, version_id=version.pk)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1 FROM coverage FOR UPDATE")
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.execute_once", str(lock_id_of(history))],
        env=portal_environment(committed_db),
    )
    try:
        wait_until(waits_at_its_commit, seconds=20, what="the restore reaches its commit")
    finally:
        worker.kill()
        worker.wait()
        other.close()
    LoaderExecutionLock.objects.update(lease_until=ClockTimestamp() - timedelta(seconds=1))
    assert reap_expired() == 1
    history.refresh_from_db()
    assert (history.status, history.error_code) == (RunStatus.FAILED, "LEASE_EXPIRED")
    assert content(COLUMNS) == before
    assert (kept_content(version, COLUMNS), kept_rows()) == (kept, len(kept))
    assert list(OutputVersion.objects.all()) == [version]
    assert (
        list(CoverageInterval.objects.values("state", "rec_count", "load_history_id")) == coverage
    )
    assert restore(scene, version).status == RunStatus.SUCCESS
    assert content() == kept_content(version)
