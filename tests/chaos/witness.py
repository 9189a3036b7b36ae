"""Watches the scheduler by SQL: how long it ever was since a cycle had ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

import psycopg

_EVERY_SECONDS = 0.2


class PollWitness(threading.Thread):
    """The longest poll gap between entering and leaving, from the first cycle on; samples at the
    database, by its clock. While that is away nothing is seen, and the gap grows."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        super().__init__(name="poll witness", daemon=True)
        self._connect = connect
        self._over = threading.Event()
        self.longest_gap = 0.0
        self.samples = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(20)

    def run(self) -> None:
        """Sample until told to stop."""
        while not self._over.wait(_EVERY_SECONDS):
            try:
                with self._connect() as session:
                    while not self._over.wait(_EVERY_SECONDS):
                        self._sample(session)
            except psycopg.OperationalError:
                continue

    def _sample(self, session: psycopg.Connection) -> None:
        found = session.execute(
            "SELECT extract(epoch FROM clock_timestamp() - last_cycle_at)::float8 "
            "FROM loader.scheduler_lease WHERE last_cycle_at IS NOT NULL"
        ).fetchone()
        if found is not None:
            self.samples += 1
            self.longest_gap = max(self.longest_gap, found[0])
