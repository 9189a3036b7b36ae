"""A portal for chaos: servers of its own that survive a crash, sources, loaders, two replicas."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Self
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import connection, connections

from execution.clusters import CLUSTERS
from loaderportal.configuration_values import parse_database_url
from loaderportal.demo.postgres_server import PostgresServer
from loaderportal.demo.processes import is_free
from tests.chaos.attendant import Operator
from tests.chaos.checker import CAPS_WATCH
from tests.chaos.line import Line
from tests.chaos.plans import Plan, make_plans
from tests.chaos.streams import Writer, make_events
from tests.portal_database import PortalDatabase, make_template, template_name
from tests.servers import SourceServer
from tests.servers.mariadb import MariadbServer, MariadbTestServer
from tests.servers.postgres import PostgresTestServer
from tests.support.people import People
from tests.support.replica import ReplicaProcess, is_running, wait_until
from tests.support.scenes import make_loader, make_source

LEASE_SECONDS = 6
SLOTS = 3
MOST_ACTIVE = 5
MOST_AT_A_SOURCE = 3
_IDLE_READ_SECONDS = 4


@dataclass
class Parts:
    """Monitor and pusher of a cluster's present sentinel; the others below it are workers."""

    sentinel: int
    monitor: int
    pusher: int


@dataclass
class Replica:
    """A replica that is started again when it has exited, as an orchestrator would."""

    name: str
    log: IO[str]
    database: PortalDatabase
    process: ReplicaProcess = field(init=False)
    starts: int = 0
    _parts: dict[str, Parts] = field(default_factory=dict)

    def start(self) -> None:
        """Start it under its name."""
        self.starts += 1
        self.process = ReplicaProcess(
            self.database,
            self.name,
            self.log,
            LOADERPORTAL_THREAD_POOL_SIZE=str(SLOTS),
            LOADERPORTAL_LEASE_SECONDS=str(LEASE_SECONDS),
            LOADERPORTAL_MAX_ACTIVE_LOCKS=str(MOST_ACTIVE),
            LOADERPORTAL_DRAIN_SECONDS="15",
        )

    def look(self) -> None:
        """Learn which process is which while a cluster is new: django-q2 starts the workers, the
        monitor, then the pusher; later the order of their ids tells nothing."""
        for cluster in CLUSTERS:
            sentinel = self.process.sentinel(cluster)
            known = self._parts.get(cluster)
            if sentinel is None or (known is not None and known.sentinel == sentinel):
                continue
            below = self.process.parts(cluster)
            if len(below) == (SLOTS if cluster == "exec" else 1) + 2:
                self._parts[cluster] = Parts(sentinel, monitor=below[-2], pusher=below[-1])

    def is_complete(self) -> bool:
        """Whether every process is there that it starts with."""
        return self._parts.keys() == set(CLUSTERS)

    def part(self, cluster: str, name: str) -> int | None:
        """The cluster's main process, its sentinel, monitor or pusher, where it is known."""
        if name == "cluster":
            return self.process.cluster(cluster)
        if name == "sentinel":
            return self.process.sentinel(cluster)
        parts = self._parts.get(cluster)
        if parts is None or parts.sentinel != self.process.sentinel(cluster):
            return None
        pid = parts.monitor if name == "monitor" else parts.pusher
        return pid if is_running(pid) else None

    def workers(self, cluster: str) -> list[int]:
        """The workers of a cluster."""
        parts = self._parts.get(cluster)
        below = self.process.parts(cluster)
        if parts is None or parts.sentinel != self.process.sentinel(cluster):
            return []
        return [pid for pid in below if pid not in {parts.monitor, parts.pusher}]


class World:
    """All of it. Enter it from the main thread: servers die with the thread that starts them."""

    def __init__(self, directory: Path, *, seed: int) -> None:
        self.directory = directory
        self.plans: list[Plan] = make_plans(datetime.now(UTC))
        self.seed = seed
        self.name = f"chaos-{uuid4().hex[:8]}"
        self.sources: dict[str, SourceServer] = {}
        self.lines: dict[str, Line] = {}
        self.writers: list[Writer] = []
        self.replicas: list[Replica] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._build(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def control(self) -> psycopg.Connection:
        """A session at the portal's database that is none of the portal's; close it."""
        return PostgresTestServer.from_url(self.control_server.url()).admin_connection(
            self.database.name
        )

    def tend(self) -> None:
        """Start replicas that have exited; learn what the processes are."""
        for replica in self.replicas:
            if replica.process.has_exited():
                replica.start()
            replica.look()

    def is_up(self) -> bool:
        """Whether both replicas have started all their processes, and a run has succeeded."""
        self.tend()
        with self.control() as session:
            loaded = session.execute("SELECT 1 FROM signals.signals_history LIMIT 1").fetchone()
        return loaded is not None and all(replica.is_complete() for replica in self.replicas)

    def is_at_rest(self) -> bool:
        """Whether no lock is held."""
        self.tend()
        with self.control() as session:
            held = session.execute(
                "SELECT 1 FROM loader.loader_execution_lock WHERE NOT released LIMIT 1"
            )
            return held.fetchone() is None

    def processes(self) -> list[int]:
        """Every process that runs for one of the replicas, orphans too, by its environment."""
        mark = f"LOADERPORTAL_REPLICA_NAME={self.name}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_running(int(entry.name)):
                with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                    if mark in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found

    def stop_replicas(self) -> list[int]:
        """SIGTERM to all, as at a shutdown; their exit codes."""
        return [replica.process.stop() for replica in self.replicas]

    def _build(self, stack: ExitStack) -> None:
        self.control_server = stack.enter_context(own_postgres(self.directory, "control"))
        self.source_server = stack.enter_context(own_postgres(self.directory, "source"))
        self.mariadb_server = MariadbServer(port=_quiet_port(), durable=True)
        stack.callback(self.mariadb_server.stop)
        self.mariadb_server.start()
        self._make_sources(stack)
        server = PostgresTestServer.from_url(self.control_server.url())
        make_template(server, "chaos")
        self.database = PortalDatabase(server, template_name("chaos"))
        stack.enter_context(django_at(self.database))
        self._make_loaders()
        self._watch_caps()
        stack.callback(self._end_processes)
        for name in ("a", "b"):
            log = stack.enter_context((self.directory / f"replica-{name}.log").open("a"))
            self.replicas.append(Replica(f"{self.name}-{name}", log, self.database))
            self.replicas[-1].start()
        for kind, source in self.sources.items():
            writer = Writer(source, [p for p in self.plans if p.kind == kind], self.seed)
            stack.callback(writer.stop)
            writer.start()
            self.writers.append(writer)

    def _make_sources(self, stack: ExitStack) -> None:
        postgres = PostgresTestServer.from_url(self.source_server.url())
        mariadb = MariadbTestServer.from_url(self.mariadb_server.url)
        for source in (
            stack.enter_context(postgres.source()),
            stack.enter_context(mariadb.source()),
        ):
            plans = [plan for plan in self.plans if plan.kind == source.db_type]
            make_events(source, plans, self.seed, datetime.now(UTC))
            line = Line(source.port)
            stack.callback(line.close)
            self.sources[source.db_type] = source
            self.lines[source.db_type] = line

    def _make_loaders(self) -> None:
        people = People()
        self.operator = Operator(people, self.control)
        known = {
            kind: make_source(
                source,
                people,
                db_code=f"SOURCE_{kind}",
                port=self.lines[kind].port,
                max_connections=MOST_AT_A_SOURCE,
                idle_read_timeout_seconds=_IDLE_READ_SECONDS,
                connect_timeout_seconds=5,
            )
            for kind, source in self.sources.items()
        }
        for plan in self.plans:
            make_loader(people, known[plan.kind], plan.code, **plan.values())

    def _watch_caps(self) -> None:
        with self.control() as session:
            session.execute(CAPS_WATCH)
            session.execute("INSERT INTO checker.limits VALUES (%s)", [MOST_ACTIVE])

    def _end_processes(self) -> None:
        """Nothing is left, whatever happened: the frozen too."""
        deadline = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for replica in self.replicas:
                replica.process.has_exited()
            time.sleep(0.05)


def crash_postgres(server: PostgresServer, outage_seconds: float) -> None:
    """Stop the server in immediate mode, without a checkpoint, and start it again over what is on
    disk after a while. Returns when it has recovered."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: not server.is_running(), seconds=20, what="the server stops")
    time.sleep(outage_seconds)
    server.start()


@contextmanager
def own_postgres(directory: Path, name: str) -> Iterator[PostgresServer]:
    place = Path(tempfile.mkdtemp(prefix=f"loaderportal-chaos-{name}-"))
    place.chmod(0o711)
    server = PostgresServer(place, port=_quiet_port(), durable=True)
    server.start()
    try:
        yield server
    finally:
        server.remove()


def _quiet_port() -> int:
    """A port that no outgoing connection gets by chance while its server is down."""
    while True:
        port = random.SystemRandom().randrange(12_000, 30_000)
        if is_free(port):
            return port


@contextmanager
def django_at(database: PortalDatabase) -> Iterator[None]:
    """Let this process act as the portal on the database, with the replicas' settings."""
    address = parse_database_url(database.url())
    entries = (settings.DATABASES["default"], connection.settings_dict)
    before = [dict(entry) for entry in entries]
    kept = settings.MAX_ACTIVE_LOCKS, settings.LEASE
    connections.close_all()
    for entry in entries:
        entry.update(address)
    settings.MAX_ACTIVE_LOCKS, settings.LEASE = MOST_ACTIVE, timedelta(seconds=LEASE_SECONDS)
    try:
        yield
    finally:
        connections.close_all()
        settings.MAX_ACTIVE_LOCKS, settings.LEASE = kept
        for entry, values in zip(entries, before, strict=True):
            entry.update(values)
