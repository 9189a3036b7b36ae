"""Where servers of a test run put their files, and that nothing of a killed run stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.portal_database import ROOT
from tests.servers.places import ThrowAway, places

HOLDER = """
import sys, time
from pathlib import Path
from tests.servers.places import ThrowAway
place = ThrowAway(Path(sys.argv[1]), "held-")
print(place.path, flush=True)
time.sleep(600)
"""


def test_memory_without_room_is_left_alone(tmp_path: Path) -> None:
    usual = Path(tempfile.gettempdir())
    assert places(tmp_path, room=0) == [tmp_path, usual]
    assert places(tmp_path, room=2**63) == [usual]
    assert places(tmp_path / "absent", room=0) == [usual]


def test_what_a_killed_run_left_goes_with_the_next_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "held-by-somebody-else").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        ours = ThrowAway(tmp_path, "held-")
        assert held.is_dir()
        os.kill(holder.pid, signal.SIGKILL)
    assert held.is_dir()
    other = ThrowAway(tmp_path, "held-")
    assert not held.exists()
    assert ours.path.is_dir()
    for place in (ours, other):
        place.remove()
    assert [left.name for left in tmp_path.iterdir()] == ["held-by-somebody-else"]
