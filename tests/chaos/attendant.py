"""The operator of a chaos run, who does not wait: runs what is held back, cancels now and then."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psycopg
from django.db import DatabaseError, connection

from core.errors import PortalError
from execution.models import LoadHistory, RunStatus, Trigger
from execution.services import request_cancel, run_now
from loaders.models import Loader
from loaders.services import disable
from tests.support.people import People

_EVERY_SECONDS = 1.5


def held_back(session: psycopg.Connection) -> list[str]:
    """Loaders that wait for longer than their own interval: after failures, theirs or the
    source's."""
    found = session.execute(
        "SELECT loader_code FROM loader.loader l JOIN loader.loader_state s ON s.loader_id = l.id "
        "WHERE s.load_status <> 'RUNNING' AND s.next_due_at > "
        "clock_timestamp() + (min_interval_seconds + 1) * interval '1 second' ORDER BY 1"
    ).fetchall()
    return [code for (code,) in found]


class Operator:
    """Acts as the portal's operator, by its services. A loader that nothing holds back, and that
    nevertheless does not run, is none of this operator's business: it would be a defect."""

    def __init__(self, people: People, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._user = people.operator
        self._next = 0.0

    def run_what_waits(self, *, most: int) -> None:
        """Every now and then: run some of the loaders that are held back, as a person may."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        with self._connect() as session:
            waiting = held_back(session)
        random.shuffle(waiting)
        for code in waiting[:most]:
            if not self._run(code):
                return

    def disable_all(self) -> None:
        """Let no loader start another run."""
        for loader in Loader.objects.all():
            disable(user=self._user, loader=loader)

    def cancel_one(self, rng: random.Random) -> str | None:
        """Cancel a run that is under way; None if there is none."""
        try:
            running = LoadHistory.objects.filter(status=RunStatus.RUNNING).order_by("loader")
            chosen = rng.choice(list(running) or [None])
            if chosen is None:
                return None
            request_cancel(user=self._user, execution=chosen)
        except PortalError:
            return None  # it has just ended
        except DatabaseError:
            connection.close()
            return None
        return f"cancel a run of {chosen.loader_id}"

    def _run(self, code: str) -> bool:
        """Whether the portal took it, or may take another one."""
        try:
            loader = Loader.objects.get(loader_code=code)
            run_now(user=self._user, loader=loader, trigger=Trigger.MANUAL)
        except PortalError:
            return False
        except DatabaseError:
            connection.close()
            return False
        return True
