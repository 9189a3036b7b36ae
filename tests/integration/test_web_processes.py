"""Two real web processes: ten people are served at once, and one person is counted by both. The
short form of the load test of `make bench`."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rest_framework_simplejwt.tokens import AccessToken

from accounts.roles import Role
from benchmarks.api import addresses_at, measure
from benchmarks.load_client import Person, Plan
from execution.models import LoadHistory, RunStatus, Trigger
from loaderportal.demo.processes import HOST
from tests.portal_database import PortalDatabase
from tests.support.definitions import make_draft, make_source
from tests.support.people import People, person
from tests.support.scenes import HOUR, START
from tests.support.web import web_server

LIMIT = 100
SECONDS = 3
BUSY_MILLISECONDS = 3_000
"""The limit of `make bench` is 500. Tests share the processors with other tests."""


def key_of(user: Any) -> str:
    return str(AccessToken.for_user(user))


def asked(port: int, token: str) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", "/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("Retry-After")
    finally:
        connection.close()


def processes_in(log: Path, path: str) -> set[str]:
    """Ids of the processes that answered requests for a path, by the access log."""
    lines = [line.split() for line in log.read_text().splitlines() if line.startswith("answered ")]
    return {line[1] for line in lines if line[2] == path}


def test_two_web_processes_serve_many_people_and_count_each_as_one(
    committed_db: PortalDatabase, tmp_path: Path
) -> None:
    people = People()
    loader = make_draft(people, make_source(people))
    LoadHistory.objects.create(
        loader=loader,
        trigger=Trigger.DRY_RUN,
        status=RunStatus.SUCCESS,
        start_time=START,
        query_from_time=START,
        query_to_time=START + HOUR,
    )
    crowd = [
        Person(key_of(person(Role.OPERATOR, f"somebody-{n}")), may_run=True) for n in range(10)
    ]
    log = tmp_path / "web.log"
    with web_server(
        committed_db,
        log,
        LOADERPORTAL_RATE_LIMIT=f"{LIMIT}/min",
        GUNICORN_CMD_ARGS="--access-logformat 'answered %(p)s %(U)s %(s)s'",
    ) as server:
        seen = load(server.port, crowd)
        with ThreadPoolExecutor(4) as threads:
            statuses = list(
                threads.map(lambda _: asked(server.port, key_of(people.viewer)), range(LIMIT))
            )
        refused, wait = asked(server.port, key_of(people.viewer))
    assert (seen["requests"], seen["errors"]) == (10 * SECONDS, 0), seen
    assert seen["p95"] < BUSY_MILLISECONDS, seen
    assert statuses == [(200, None)] * LIMIT
    assert refused == 429
    assert 1 <= int(wait or 0) <= 60
    assert len(processes_in(log, "/api/v1/auth/me")) == 2


def load(port: int, crowd: Sequence[Person]) -> dict[str, Any]:
    """What the crowd's requests came to."""
    addresses = addresses_at(f"http://{HOST}:{port}/api/v1/", crowd[0].token)
    return measure(Plan(HOST, port, SECONDS, crowd, addresses))
