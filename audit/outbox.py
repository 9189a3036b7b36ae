"""The outbox as a stream: numbered after the commit, followed by cursor, pruned by age (spec 2).

Transactions commit in another order than they write, and a run's stays open for hours. Neither
time, id nor transaction id of an event says what a follower has seen. So an event gets its number
when it is committed and in sight: whoever reads gives numbers first, one session at a time (the row
lock of `EventStream`). A number that can be seen means that all smaller ones can be, and no open
transaction delays another's events.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from audit.exceptions import EventCursorInvalidError, EventsExpiredError, EventsReplacedError
from audit.models import EventStream, LoaderEvent
from core.clock import database_now

BATCH = 2000
"""Events that one transaction numbers or removes: some 50 ms."""

_BATCHES_A_RUN = 500
_NUMBER_BYTES = 8
_CURSOR_BYTES = _NUMBER_BYTES + 16
_RESUME = (
    "Go on without `after`, from the oldest event that is kept, and read from `executions` what "
    "happened before."
)
_NUMBER = """
WITH waiting AS (
    SELECT id, at FROM loader_event WHERE number IS NULL ORDER BY at, id LIMIT %(limit)s
), placed AS (
    SELECT id, %(last)s + row_number() OVER (ORDER BY at, id) AS number FROM waiting
), numbered AS (
    UPDATE loader_event e SET number = placed.number FROM placed WHERE e.id = placed.id
    RETURNING e.number, e.id
)
SELECT number, id, count(*) OVER () FROM numbered ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True)
class Position:
    """Where a follower stands: the number and id of the last event that it has seen. The id tells a
    restored database, which gives the same numbers again, from the one it replaced."""

    number: int
    event_id: UUID

    def cursor(self) -> str:
        """As followers get it; nothing to be read in it."""
        content = self.number.to_bytes(_NUMBER_BYTES, "big") + self.event_id.bytes
        return urlsafe_b64encode(content).decode()

    @classmethod
    def of_cursor(cls, text: str) -> Self:
        """The position of a cursor. Raises EventCursorInvalidError."""
        try:
            content = urlsafe_b64decode(text.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            content = b""
        number = int.from_bytes(content[:_NUMBER_BYTES], "big")
        if len(content) != _CURSOR_BYTES or number >= 1 << 63:
            raise EventCursorInvalidError(
                "`after` is no cursor of this portal. Give `next` or an event's `cursor` as it "
                "was answered, or leave it out to begin with the oldest event."
            )
        return cls(number, UUID(bytes=content[_NUMBER_BYTES:]))


@dataclass(frozen=True)
class Page:
    """Events in the stream's order. `next` is where to go on, also where there is none; `has_more`
    says that there are some already."""

    events: Sequence[LoaderEvent]
    next: Position
    has_more: bool


def position_of(event: LoaderEvent) -> Position:
    """The position behind a numbered event."""
    assert event.number is not None
    return Position(event.number, event.pk)


def number_committed() -> int:
    """Number the oldest BATCH of events that are committed and have no number; returns how many.
    None where another session is just at it: what it leaves is met the next time."""
    if not LoaderEvent.objects.filter(number=None).exists():
        return 0
    with transaction.atomic():
        streams = EventStream.objects.select_for_update(skip_locked=True, no_key=True)
        stream = streams.filter(pk=EventStream.KEY).first()
        if stream is None:
            return 0
        # A statement of its own behind the lock: it sees all that the last session numbered.
        with connection.cursor() as cursor:
            cursor.execute(_NUMBER, {"limit": BATCH, "last": stream.last_number})
            row = cursor.fetchone()
        if row is None:
            return 0
        stream.last_number, stream.last_id, numbered = row
        stream.save(update_fields=["last_number", "last_id"])
    return int(numbered)


def number_all() -> int:
    """Number what is committed, batch by batch; returns how many. So that nobody who comes late
    finds a heap of events that nobody has read."""
    total = 0
    for _ in range(_BATCHES_A_RUN):
        numbered = number_committed()
        total += numbered
        if numbered < BATCH:  # or it would run on for as long as anybody writes
            break
    return total


def newest() -> Position:
    """The position behind the newest committed event, for who follows from now on."""
    number_all()
    stream = _stream()
    return Position(stream.last_number, stream.last_id)


def read(wanted: QuerySet[LoaderEvent], *, after: Position | None, limit: int) -> Page:
    """The next events behind a position, of those that are wanted; None begins with the oldest.

    `next` also passes over what is not wanted. Raises EventsExpiredError where events behind the
    position were pruned, and EventsReplacedError where this database never had it.
    """
    left = number_committed() == BATCH
    head = _stream()  # before the events: all up to here are in sight of the statement below
    start = after.number if after else 0
    rows = wanted.filter(number__gt=start, number__lte=head.last_number).order_by("number")
    events = list(rows[:limit])
    if after is not None:
        _check(after)
    if len(events) == limit:
        return Page(events, position_of(events[-1]), has_more=True)
    return Page(events, Position(head.last_number, head.last_id), has_more=left)


def prune_expired() -> int:
    """Remove events that are older than `EVENT_RETENTION`, from the stream's beginning; returns how
    many. In batches that commit each on their own."""
    number_all()
    removed = 0
    for _ in range(_BATCHES_A_RUN):
        batch = _prune_batch()
        removed += batch
        if batch < BATCH:
            break
    return removed


def count_expired() -> int:
    """How many it would remove, of those that are numbered."""
    before = database_now() - settings.EVENT_RETENTION
    return LoaderEvent.objects.filter(number__isnull=False, at__lt=before).count()


@transaction.atomic
def _prune_batch() -> int:
    stream = EventStream.objects.select_for_update(no_key=True).get(pk=EventStream.KEY)
    cutoff = database_now() - settings.EVENT_RETENTION
    oldest = LoaderEvent.objects.filter(number__gt=stream.pruned_number).order_by("number")
    rows = oldest.only("number", "at")[:BATCH]
    expired = list(takewhile(lambda event: event.at < cutoff, rows))
    if not expired:
        return 0
    last = position_of(expired[-1])
    stream.pruned_number, stream.pruned_id = last.number, last.event_id
    removed, _ = LoaderEvent.objects.filter(number__lte=last.number).delete()
    stream.save(update_fields=["pruned_number", "pruned_id"])
    return removed


def _check(after: Position) -> None:
    """Raise unless nothing behind the position is missing. Called once the events were read: what
    was pruned meanwhile shows here, and can't be a silent hole."""
    seen = LoaderEvent.objects.filter(number=after.number).values_list("pk", flat=True).first()
    stream = _stream()
    oldest = Position(stream.pruned_number, stream.pruned_id)
    if after.number < oldest.number:
        raise EventsExpiredError(
            f"Events behind this cursor are no longer kept. {_RESUME}",
            details={"oldest": oldest.cursor()},
        )
    known = oldest.event_id if after.number == oldest.number else seen
    if known != after.event_id:
        raise EventsReplacedError(
            "This cursor belongs to events that the portal does not have: its database was "
            f"restored from an older copy. {_RESUME}",
            details={"oldest": oldest.cursor()},
        )


def _stream() -> EventStream:
    return EventStream.objects.get(pk=EventStream.KEY)
