"""A replica that can't start says why in one sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_replica_without_its_database_says_so_and_exits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ended = subprocess.run(
        [sys.executable, "manage.py", "runportal"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"postgresql://app:hidden@127.0.0.1:{port}/portal"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "The portal's database does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hidden" not in ended.stderr
