"""The REST API under load: many people, each one request a second, against the demo (issue 7).

The demo is started as `make demo` starts it: one PostgreSQL, workers that load, gunicorn with two
processes. It shares the machine with the client, as it does with whoever runs the benchmark.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import time
from typing import Any

from benchmarks.load_client import Person, Plan, as_json
from benchmarks.report import Figure, Size
from loaderportal.demo import flights
from loaderportal.demo.databases import APP_ROLE
from loaderportal.demo.failures import StopSignals
from loaderportal.demo.folder import Folder
from loaderportal.demo.portal import clear_environment
from loaderportal.demo.processes import HOST, free_port
from loaderportal.demo.session import Session

P95_MILLISECONDS = 500
"""Limit (seed 003); 150 is the goal."""

_ROOT = Path(__file__).resolve().parent.parent
_OURS = ("LOADERPORTAL_", "DJANGO_", "DATABASE_URL", "ENCRYPTION_KEY")
_DAY = 86_400


def benchmark(size: Size) -> Iterator[Figure]:
    """The times of all answers; each kind's in the details."""
    with _demo() as session:
        environment = {
            **session.portal.environment(APP_ROLE),
            "DJANGO_SETTINGS_MODULE": "loaderportal.settings",
        }
        people = json.loads(_output("benchmarks.people_process", str(size.people), environment))
        plan = Plan(
            host=HOST,
            port=session.port,
            seconds=size.seconds,
            people=[Person(**one) for one in people],
            addresses=addresses_at(f"{session.url}/api/v1/", people[0]["token"]),
        )
        before = os.getloadavg()[0]
        seen = measure(plan)
    details = {f"p95 {kind}": value for kind, value in seen["p95_by_kind"].items()}
    details |= {name: seen[name] for name in ("requests", "p50", "p99", "max", "late_p99")}
    details["load before"] = before
    yield Figure("API, p95", seen["p95"], "ms", at_most=P95_MILLISECONDS, details=details)
    yield Figure("API, errors", seen["errors"], "answers", at_most=0, details=seen["statuses"])


def measure(plan: Plan) -> dict[str, Any]:
    """Let the people of the plan ask, from a process of their own."""
    said: dict[str, Any] = json.loads(
        _output("benchmarks.load_client", "", dict(os.environ), as_json(plan))
    )
    return said


def addresses_at(root: str, token: str) -> dict[str, list[str]]:
    """What there is to ask for, by kind, of the loaders and executions that the portal lists."""
    watermarks = {
        row["loaderCode"]: _epoch(row["lastLoadTimestamp"])
        for row in _results(f"{root}loaders", token)
    }
    loaders = list(watermarks)
    executions = [row["executionId"] for row in _results(f"{root}executions", token)]
    return {
        "list": ["loaders", "executions", "executions?status=FAILED", "backfill", "gaps"],
        "detail": [
            *(f"loaders/{code}" for code in loaders),
            *(f"executions/{key}" for key in executions),
        ],
        "history": [
            f"loaders/{code}/{what}" for code in loaders for what in ("history", "metrics")
        ],
        "signals": [
            f"signals/query?loaderCode={code}&fromEpoch={last - days * _DAY}&toEpoch={last}"
            f"&aggregation=avg&bucket={bucket}"
            for code, last in watermarks.items()
            for days, bucket in ((1, "15m"), (7, "1h"))
        ],
        "run": [f"loaders/{code}/run" for code in loaders],
    }


def _epoch(watermark: str | None) -> int:
    """Where a loader's signals end; now, before its first."""
    return int(datetime.fromisoformat(watermark).timestamp() if watermark else time())


def _results(address: str, token: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.load(answer)["results"]
    return found


def _output(module: str, argument: str, environment: Mapping[str, str], said: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, argument],
        cwd=_ROOT,
        env=dict(environment),
        input=said,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@contextmanager
def _demo() -> Iterator[Session]:
    """The demo on a free port, in a folder of its own, with its flights loaded."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    for name in kept:
        del os.environ[name]
    clear_environment()
    try:
        with tempfile.TemporaryDirectory(prefix="loaderportal-load-") as directory:
            flights.archive()
            folder = Folder(Path(directory) / "demo")
            Path(directory).chmod(0o711)
            with folder.taken():
                session = Session(folder, free_port(), StopSignals())
                try:
                    session.start()
                    session.catch_up()
                    yield session
                finally:
                    session.stop()
    finally:
        os.environ.update(kept)
