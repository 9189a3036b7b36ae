"""One demo from start to stop: the order in which its parts come and go."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from loaderportal.demo import flights, payments, talk
from loaderportal.demo.catch_up import NotRunnableError, watch
from loaderportal.demo.databases import SOURCES, Databases
from loaderportal.demo.definitions import AIRLINE, PAYMENTS
from loaderportal.demo.failures import DemoError, PartDiedError, StopSignals
from loaderportal.demo.folder import Folder
from loaderportal.demo.observation import MemoryWatch, is_ready
from loaderportal.demo.parts import Part
from loaderportal.demo.portal import Portal
from loaderportal.demo.postgres_server import PostgresServer
from loaderportal.demo.processes import HOST
from loaderportal.demo.self_check import Totals, compare, difference

READY_SECONDS = 60.0
STOP_SECONDS = 60.0
"""Longer than a replica's drain."""


@dataclass(frozen=True)
class Outcome:
    """What the catch-up came to."""

    totals: Totals
    seconds: float
    peak_worker_rss_mb: float

    def line(self) -> str:
        """The JSON line of `--once`."""
        return json.dumps(
            {
                "ok": self.totals.agree,
                **self.totals.as_json(),
                "seconds": round(self.seconds, 1),
                "peak_worker_rss_mb": self.peak_worker_rss_mb,
            }
        )


@dataclass
class Session:
    """The demo in `folder`, its console on `port`. Used from the main thread only."""

    folder: Folder
    port: int
    stop_signals: StopSignals
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.secrets = self.folder.secrets()
        self.server = PostgresServer(self.folder.postgres)
        self.server_log = self.folder.postgres / "postgres.log"
        self.databases = Databases(self.server, self.secrets)
        self.portal = Portal(self.folder, self.secrets, self.databases)
        self.feeder = payments.Feeder(lambda: self._superuser(PAYMENTS))
        self._web: Part | None = None
        self._workers: Part | None = None
        self._called_off = threading.Event()

    @property
    def url(self) -> str:
        """Address of the console."""
        return f"http://{HOST}:{self.port}"

    @property
    def _parts(self) -> list[Part]:
        return [part for part in (self._web, self._workers) if part is not None]

    def start(self) -> None:
        """Bring everything up; returns when the console can be used."""
        self.folder.credentials.unlink(missing_ok=True)
        talk.say("Starting PostgreSQL ...")
        self.server.start()
        self.databases.make()
        self.stop_signals.check()
        talk.say("Filling the sources, making the portal's tables ...")
        migration = self.portal.migration()
        with ExitStack() as ends:
            ends.callback(migration.stop, 0)
            migration.start()
            with self._superuser(PAYMENTS) as connection:
                payments_begin = payments.bring_up_to_date(connection)
            self.feeder.start()
            self._fill_airline()
            migration.finish(self.stop_signals)
        talk.say("Starting web server and workers ...")
        # Made only now: their environment holds the server's port.
        self._web = self.portal.web(self.port)
        self._web.start()
        self._workers = self.portal.workers()
        self._workers.start()
        self._seed(payments_begin)
        self._wait_until_ready()
        self._publish()

    def catch_up(self) -> Outcome:
        """Watch the flights come in, then compare both sides; whether they agree is in the
        outcome. Raises DemoError when the flights don't come in."""
        assert self._workers is not None
        assert self._workers.pid is not None
        with (
            self.databases.connect_as_application() as portal,
            self.databases.connect_as_reader(AIRLINE) as airline,
        ):
            memory = MemoryWatch(self._workers.pid)
            watch(portal, memory, self._wait)
            totals = compare(airline, portal)
        return Outcome(totals, time.monotonic() - self.began, memory.peak_mb)

    def serve(self) -> None:
        """Go on until a signal (Stopped) or the death of a part (PartDiedError)."""
        try:
            outcome = self.catch_up()
        except NotRunnableError as error:
            talk.say(str(error))
        else:
            if not outcome.totals.agree:
                raise DemoError(difference(outcome.totals))
            talk.agreed(outcome.totals)
        talk.say("Ctrl-C ends the demo.")
        while True:
            self._wait(0.5)

    def blame(self) -> None:
        """Raise PartDiedError naming the part that has died, if one dies within a moment."""
        for _ in range(10):
            self._wait(0.1)

    def stop(self) -> None:
        """End every part, PostgreSQL last, so that runs can finish; nothing is left behind."""
        self._called_off.set()
        for part in self._parts:
            part.ask_to_stop()
        for part in self._parts:
            part.stop(STOP_SECONDS)
        self.feeder.stop()
        self.server.stop()

    def _superuser(self, code: str) -> psycopg.Connection:
        return self.databases.connect_as_superuser(SOURCES[code])

    def _fill_airline(self) -> None:
        """Copy the flights in a thread, since a signal must not wait for them."""
        filling = _Filling(lambda: self._superuser(AIRLINE), self._called_off)
        filling.thread.start()
        while filling.thread.is_alive():
            self.stop_signals.check()
            filling.thread.join(0.05)
        if filling.error is not None:
            raise filling.error

    def _seed(self, payments_begin: datetime) -> None:
        values = {
            "users": self.secrets.users,
            "sources": {code: self.databases.source_values(code) for code in SOURCES},
            "payments_begin": payments_begin.isoformat(),
        }
        seed = self.portal.seed()
        try:
            seed.start(json.dumps(values))
            seed.finish(self.stop_signals)
        finally:
            seed.stop(0)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(self.port):
            if time.monotonic() > deadline:
                raise DemoError(
                    f"The portal was not ready within {READY_SECONDS:.0f} seconds; its logs are "
                    f"in {self.folder.logs}."
                )
            self._wait(0.1)

    def _publish(self) -> None:
        sources = {}
        for code in SOURCES:
            values = self.databases.source_values(code)
            sources[code] = {_camel(name): value for name, value in values.items()}
        self.folder.write_credentials(url=self.url, users=self.secrets.users, sources=sources)
        talk.welcome(self.url, self.secrets.users, self.folder)

    def _wait(self, seconds: float) -> None:
        """Sleep. Raises Stopped on a signal and PartDiedError when a part is dead."""
        self.stop_signals.sleep(seconds)
        if not self.server.is_running():
            raise PartDiedError(f"PostgreSQL ended unexpectedly; its log is {self.server_log}.")
        for part in self._parts:
            if part.exit_code is not None:
                raise part.died()
        if self.feeder.is_dead:
            raise PartDiedError(
                f"The payment stream ended unexpectedly; its database's log is {self.server_log}."
            )


class _Filling:
    """The thread that copies the flights, and what became of it."""

    def __init__(
        self, connect: Callable[[], psycopg.Connection], called_off: threading.Event
    ) -> None:
        self._connect = connect
        self._called_off = called_off
        self.error: psycopg.Error | OSError | DemoError | None = None
        self.thread = threading.Thread(target=self._fill, name="flights", daemon=True)

    def _fill(self) -> None:
        try:
            with self._connect() as connection:
                flights.load(connection, self._check)
        except (psycopg.Error, OSError, DemoError) as error:
            self.error = error

    def _check(self) -> None:
        if self._called_off.is_set():
            raise DemoError("The copy of the flights was called off.")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
