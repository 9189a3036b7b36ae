"""The demo, as a person starts it: from the command line, in a folder of its own (issue 2)."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from loaderportal.demo.processes import HOST

ROOT = Path(__file__).resolve().parent.parent.parent
FLIGHTS = 336_776
ONCE_SECONDS = 240.0
WORKER_OF_A_RUN = """
SELECT worker_pid FROM loader.loader_execution_lock
WHERE loader_code = 'FLIGHTS_HOURLY' AND NOT released AND claimed_at IS NOT NULL
AND (SELECT count(*) FROM loader.load_history WHERE status = 'SUCCESS') >= 10
"""


def demo(directory: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start the demo."""
    environment = {name: value for name, value in os.environ.items() if name != "DEMO_PORT"}
    return subprocess.Popen(
        [sys.executable, "-m", "loaderportal.demo", *arguments],
        cwd=ROOT,
        env={**environment, "DEMO_DIR": str(directory), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(directory: Path, *arguments: str, **variables: str) -> str:
    """What a demo that can't be started says, after checking that it is one sentence."""
    with demo(directory, *arguments, **variables) as process:
        out, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert said.count("\n") == 1, said
    return said


def kill_a_worker_in_mid_catch_up(directory: Path) -> None:
    """kill -9 of the process that executes a run of the flights right now."""
    deadline = time.monotonic() + ONCE_SECONDS
    while not (directory / "credentials.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    password = (directory / "postgres" / "superuser.password").read_text().strip()
    port = (directory / "postgres" / "port").read_text().strip()
    with psycopg.connect(
        host=HOST, port=port, dbname="portal", user="postgres", password=password, autocommit=True
    ) as connection:
        while (row := connection.execute(WORKER_OF_A_RUN).fetchone()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    os.kill(row[0], signal.SIGKILL)


def processes_of(directory: Path) -> list[str]:
    """Command lines of the live processes that were started for the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError, PermissionError):
            continue
        if os.fsencode(directory) in words or b"DEMO_DIR=" + os.fsencode(directory) in environment:
            found.append(os.fsdecode(words.replace(b"\0", b" ")))
    return found


def mode_of(file: Path) -> int:
    """Permission bits of a file."""
    return stat.S_IMODE(file.stat().st_mode)


def test_the_totals_agree_although_a_worker_was_killed_and_no_process_is_left(
    demo_folder: Path,
) -> None:
    assert not demo_folder.exists()
    with demo(
        demo_folder, "--once", LOADERPORTAL_LEASE_SECONDS="6", LOADERPORTAL_POLL_SECONDS="2"
    ) as process:
        try:
            kill_a_worker_in_mid_catch_up(demo_folder)
            assert "Another demo runs in" in refusal(demo_folder, "--once")
            out, said = process.communicate(timeout=ONCE_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert processes_of(demo_folder) == []
    line = json.loads(out)
    assert line.keys() == {
        "ok",
        "source_rows",
        "signals",
        "runs",
        "rec_count",
        "sum_val",
        "seconds",
        "peak_worker_rss_mb",
    }
    assert line["ok"] is True
    assert line["source_rows"] == FLIGHTS
    assert line["rec_count"] == {"source": FLIGHTS, "signals": FLIGHTS}
    assert line["sum_val"]["signals"] == pytest.approx(line["sum_val"]["source"])
    assert line["runs"] >= 53
    assert line["signals"] > 300_000
    assert 10 < line["peak_worker_rss_mb"] < 500
    check_credentials(demo_folder)


def check_credentials(directory: Path) -> None:
    """The folder's secrets are there, in the promised shape, for its owner only."""
    for name in ("credentials.json", "secrets.json"):
        assert mode_of(directory / name) == 0o600
    credentials = json.loads((directory / "credentials.json").read_text())
    assert credentials.keys() == {"url", "users", "sources"}
    assert credentials["url"].startswith(f"http://{HOST}:")
    assert credentials["users"].keys() == {"viewer", "operator", "approver", "admin"}
    for name, user in credentials["users"].items():
        assert user.keys() == {"username", "password"}
        assert user["username"] == name
        assert user["password"] not in "".join(
            log.read_text(errors="replace") for log in (directory / "logs").iterdir()
        )
    assert credentials["sources"].keys() == {"AIRLINE", "PAYMENTS"}


def test_a_taken_port_is_told_in_one_sentence(new_demo_folder: Path) -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        said = refusal(new_demo_folder, DEMO_PORT=str(port))
    assert f"Port {port} is taken" in said
    assert "DEMO_PORT=" in said


def test_a_folder_that_cannot_be_made_is_told_in_one_sentence(new_demo_folder: Path) -> None:
    new_demo_folder.write_text("a file stands here")
    assert "DEMO_DIR chooses another folder" in refusal(new_demo_folder, "--once")


def test_lost_secrets_are_not_replaced_by_new_ones(new_demo_folder: Path) -> None:
    (new_demo_folder / "postgres").mkdir(parents=True)
    (new_demo_folder / "postgres" / "superuser.password").write_text("x")
    assert "secrets.json is gone" in refusal(new_demo_folder, "--once")
