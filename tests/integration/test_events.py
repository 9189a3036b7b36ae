"""The stream of events: order, cursors, retention, restored databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from audit import outbox
from audit.exceptions import EventsExpiredError, EventsReplacedError
from audit.models import EventStream, LoaderEvent
from audit.outbox import Page, Position, newest, number_committed, prune_expired, read
from audit.services import emit
from core.clock import ClockTimestamp

pytestmark = pytest.mark.django_db

DAYS_AGO = "UPDATE loader_event SET at = at - make_interval(days => %s) WHERE loader_code = %s"


def tell(*codes: str) -> None:
    for code in codes:
        emit(kind=LoaderEvent.Kind.RUN_FINISHED, loader_code=code)


def page(after: Position | None = None, *, limit: int = 100) -> Page:
    return read(LoaderEvent.objects.all(), after=after, limit=limit)


def codes(found: Page) -> list[str]:
    return [event.loader_code for event in found.events]


def age(days: int, *told: str) -> None:
    with connection.cursor() as cursor:
        for code in told:
            cursor.execute(DAYS_AGO, [days, code])


def test_every_kind_of_event_stands_in_the_docs() -> None:
    doc = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in doc.splitlines() if line.startswith("| ")]
    assert {f"| {kind}" for kind in LoaderEvent.Kind.values} <= set(rows)


def test_what_rolls_back_is_never_told() -> None:
    tell("A")
    with transaction.atomic():
        tell("B")
        transaction.set_rollback(True)
    tell("C")
    found = page()
    assert codes(found) == ["A", "C"]
    assert [event.number for event in found.events] == [1, 2]


def test_a_heap_that_nobody_read_is_numbered_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 3)
    tell(*"ABCDEFG")
    first = page()
    assert (codes(first), first.has_more) == (["A", "B", "C"], True)
    assert outbox.number_all() == 4
    second = page(first.next, limit=4)
    assert (codes(second), second.has_more) == (["D", "E", "F", "G"], True)
    last = page(second.next)
    assert (codes(last), last.has_more, last.next) == ([], False, second.next)


def test_next_passes_over_what_is_not_wanted() -> None:
    tell("A", "B", "B")
    wanted = LoaderEvent.objects.filter(loader_code="A")
    first = read(wanted, after=None, limit=100)
    assert (codes(first), first.next.number) == (["A"], 3)
    assert codes(page(first.next)) == []


def test_a_cursor_that_fell_off_the_retention_is_told_so_and_one_at_its_edge_goes_on() -> None:
    tell("OLD", "OLDER", "NEW")
    positions = [outbox.position_of(event) for event in page().events]
    age(31, "OLD", "OLDER")
    assert prune_expired() == 2
    with pytest.raises(EventsExpiredError) as caught:
        page(positions[0])
    assert Position.of_cursor(caught.value.details["oldest"]) == positions[1]
    assert codes(page(positions[1])) == codes(page()) == ["NEW"]


def test_what_is_pruned_while_a_follower_reads_is_no_silent_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell("A", "B", "C")
    first = page(limit=1)
    age(31, "B")
    age(31, "A")
    stream_of = outbox._stream

    def pruned_behind_our_back() -> EventStream:
        known = stream_of()
        prune_expired()
        return known

    monkeypatch.setattr(outbox, "_stream", pruned_behind_our_back)
    with pytest.raises(EventsExpiredError):
        page(first.next)


def test_numbers_go_on_when_every_event_is_gone() -> None:
    tell("A")
    first = page()
    age(31, "A")
    assert prune_expired() == 1
    assert codes(page(first.next)) == []
    tell("B")
    found = page(first.next)
    assert [(event.loader_code, event.number) for event in found.events] == [("B", 2)]


def test_an_old_event_behind_a_new_one_is_kept_until_that_one_goes() -> None:
    tell("NEW")
    number_committed()
    tell("LATE")  # written by a transaction that was open for long
    age(31, "LATE")
    assert prune_expired() == 0
    age(31, "NEW")
    assert prune_expired() == 2


def test_pruning_goes_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 2)
    tell(*"ABCDE")
    age(31, *"ABCDE")
    tell("NEW")
    assert prune_expired() == 5
    assert codes(page()) == ["NEW"]


def test_a_database_restored_from_an_older_copy_is_told_from_the_one_it_replaced() -> None:
    tell("A", "B")
    first, second = (outbox.position_of(event) for event in page().events)
    LoaderEvent.objects.filter(number=2).delete()  # as the older copy had it
    EventStream.objects.update(last_number=1, last_id=first.event_id)
    with pytest.raises(EventsReplacedError):
        page(second)
    assert codes(page(first)) == []
    tell("C", "D")  # other events under the numbers that were told before
    with pytest.raises(EventsReplacedError):
        page(second)
    assert codes(page(first)) == ["C", "D"]


def test_who_follows_from_now_on_is_told_nothing_that_was() -> None:
    assert newest().number == 0
    tell("A")
    now = newest()
    tell("B")
    assert codes(page(now)) == ["B"]


def test_the_time_of_an_event_is_the_databases() -> None:
    with transaction.atomic():
        tell("A")
        assert LoaderEvent.objects.filter(
            at__gt=ClockTimestamp() - timedelta(seconds=5), at__lt=ClockTimestamp()
        ).exists()
