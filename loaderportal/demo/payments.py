"""The live source: simulated payments, a day of history and then some every second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import psycopg

_TABLE = """
CREATE TABLE payment (
    paid_at timestamptz NOT NULL,
    channel text NOT NULL,
    region text NOT NULL,
    result text NOT NULL,
    amount numeric(10, 2) NOT NULL
)
"""
_HISTORY_BEGINS = "date_trunc('minute', now()) - interval '1 day'"
_LONGEST_PAUSE_STEPS = 2 * 86_400
"""However long the demo stood still, the pause is filled in at most so many steps."""
# One to three payments a step, fewer at night; amounts are log-normal, results mostly good.
_INSERT = """
INSERT INTO payment (paid_at, channel, region, result, amount)
SELECT paid_at,
       (ARRAY['POS','POS','POS','ONLINE','ONLINE','WALLET'])[1 + floor(random() * 6)],
       (ARRAY['Riyadh','Riyadh','Jeddah','Dammam','Makkah'])[1 + floor(random() * 5)],
       CASE WHEN luck < 0.93 THEN 'APPROVED' WHEN luck < 0.99 THEN 'DECLINED' ELSE 'ERROR' END,
       round(exp(4 + random_normal())::numeric, 2)
FROM (
    SELECT step + random() * interval '1 second' AS paid_at, random() AS luck
    FROM generate_series(%(after)s::timestamptz, %(until)s, %(pace)s::interval) AS step,
         generate_series(1, 3) AS turn
    WHERE turn = 1 OR random() < 0.35 - 0.2 * cos(extract(epoch FROM step) / 86400 * 2 * pi())
) AS made
WHERE paid_at > %(after)s AND paid_at <= %(until)s
"""


def bring_up_to_date(connection: psycopg.Connection) -> datetime:
    """Make the table with its history, or fill the pause since the last row; returns the minute
    (UTC) that the history begins with.

    To be called before any loader runs: filled later, the pause would lie behind a watermark.
    """
    with connection.transaction():
        found = connection.execute("SELECT to_regclass('public.payment')").fetchone()
        if found is None or found[0] is None:
            connection.execute(_TABLE)
            connection.execute("CREATE INDEX ON payment (paid_at)")
        last = connection.execute(
            f"SELECT coalesce(max(paid_at), {_HISTORY_BEGINS}), now() FROM payment"
        ).fetchone()
        assert last is not None
        _insert(connection, *last)
        begin = connection.execute("SELECT date_trunc('minute', min(paid_at)) FROM payment")
        row = begin.fetchone()
    assert row is not None
    first: datetime = row[0]
    return first


def _insert(connection: psycopg.Connection, after: datetime, until: datetime) -> None:
    """Payments of the half-open time (after, until]."""
    pace = max(1.0, (until - after).total_seconds() / _LONGEST_PAUSE_STEPS)
    values = {"after": after, "until": until, "pace": f"{pace} seconds"}
    connection.execute(_INSERT, values)


class Feeder:
    """A thread that inserts each second's payments until it is stopped.

    Rows are committed within about a second of their time, well inside the loader's lateness.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="payments", daemon=True)
        self._failed = False

    def start(self) -> None:
        """Begin with what has been paid since the last row."""
        self._thread.start()

    @property
    def is_dead(self) -> bool:
        """Whether it ended on its own."""
        return self._failed

    def stop(self) -> None:
        """End the stream; harmless when it never began or has ended."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _feed(self) -> None:
        try:
            with self._connect() as connection:
                row = connection.execute("SELECT max(paid_at) FROM payment").fetchone()
                assert row is not None
                last: datetime = row[0]
                while not self._over.wait(1.0):
                    now = connection.execute("SELECT clock_timestamp()").fetchone()
                    assert now is not None
                    _insert(connection, last, now[0])
                    last = now[0]
        except psycopg.Error:
            self._failed = True
