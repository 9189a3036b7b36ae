"""Tampering with the audit trail by the database's owner: each kind is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import AuditCheckpoint, AuditEvent, AuditSeal
from audit.sealing import seal_all
from audit.services import record, set_source_address
from audit.verification import verify_audit
from tests.portal_database import PortalDatabase
from tests.support.audit import add_events, owner_of
from tests.support.commands import manage

pytestmark = pytest.mark.usefixtures("committed_db")

EVENTS = 12
Owner = psycopg.Connection[Any]
EVERY_BYTE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def events(committed_db: PortalDatabase) -> list[AuditEvent]:
    """A sealed trail whose events have a value in every column."""
    person = get_user_model().objects.create_user("ada")
    set_source_address("10.1.2.3")
    try:
        made = [
            record(
                actor=person,
                action="test.act",
                object_type="test",
                object_id=f"OBJECT_{number}",
                before={"note": "before"},
                after={"note": f"after {number}"},
            )
            for number in range(EVENTS)
        ]
    finally:
        set_source_address(None)
    assert seal_all() == EVENTS
    return made


def fault() -> tuple[str, int, UUID | None] | None:
    """What verification says, and the command with it."""
    finding = verify_audit().finding
    return (finding.fault.value, finding.number, finding.event_id) if finding else None


def test_an_untouched_trail_holds(events: list[AuditEvent]) -> None:
    assert fault() is None


# --- a byte anywhere ----------------------------------------------------------------------------

_TEXTS = {
    "audit_event": ("actor_name", "action", "object_type", "object_id", "correlation_id"),
    "audit_seal": ("previous_head", "head"),
    "audit_checkpoint": ("head", "mac"),
}
_OTHERS = {
    "audit_event": {
        "at": "at + make_interval(secs => 0.000001)",
        "actor_id": "NULL",
        "source_address": "set_masklen(source_address, 31)",
        "before": "replace(before::text, 'e', 'f')::jsonb",
        "after": "replace(after::text, 'a', 'b')::jsonb",
        "id": "gen_random_uuid()",
    },
    "audit_seal": {
        "sealed_at": "sealed_at + make_interval(secs => 0.000001)",
        "event_id": "gen_random_uuid()",
        "number": "number + 1000",
    },
    "audit_checkpoint": {
        "at": "at - make_interval(secs => 0.000001)",
        "before": "now()",
        "id": "gen_random_uuid()",
        "kind": "'PRUNED'",
        "number": "number + 1",
    },
}
_KEYS = {"audit_event": "id", "audit_seal": "number", "audit_checkpoint": "id"}


def columns(models: tuple[Any, ...]) -> set[tuple[str, str]]:
    return {
        (model._meta.db_table, field.column)
        for model in models
        for field in model._meta.get_fields()
    }


def test_the_tests_here_touch_every_column() -> None:
    touched = {(table, name) for table, names in _TEXTS.items() for name in names}
    touched |= {(table, name) for table, names in _OTHERS.items() for name in names}
    assert touched == columns((AuditEvent, AuditSeal, AuditCheckpoint))


def keys_of(table: str) -> list[Any]:
    """Primary keys in the order of the chain."""
    if table == "audit_event":
        return list(AuditSeal.objects.order_by("number").values_list("event_id", flat=True))
    if table == "audit_seal":
        return list(AuditSeal.objects.order_by("number").values_list("pk", flat=True))
    return list(AuditCheckpoint.objects.values_list("pk", flat=True))


@EVERY_BYTE
@given(data=st.data())
def test_one_flipped_byte_of_any_text_is_found_where_it_is(
    events: list[AuditEvent], committed_db: PortalDatabase, data: st.DataObject
) -> None:
    table, column = data.draw(
        st.sampled_from([(table, name) for table, names in _TEXTS.items() for name in names])
    )
    place = data.draw(st.integers(0, len(keys_of(table)) - 1))
    key = keys_of(table)[place]
    with owner_of(committed_db) as owner:
        query = f"SELECT {column} FROM {table} WHERE {_KEYS[table]} = %s"
        row = owner.execute(query, [key]).fetchone()
        assert row is not None
        text = row[0]
        if not text:  # the first seal has no predecessor
            return
        at = data.draw(st.integers(0, len(text) - 1))
        flipped = chr(ord(text[at]) ^ data.draw(st.sampled_from([1, 2, 4, 8])))
        update = f"UPDATE {table} SET {column} = %s WHERE {_KEYS[table]} = %s"
        owner.execute(update, [text[:at] + flipped + text[at + 1 :], key])
        found = fault()
        owner.execute(update, [text, key])
    expected = EVENTS if table == "audit_checkpoint" else place + 1
    assert found is not None, (table, column, at)
    assert found[1] == expected
    assert fault() is None


@pytest.mark.parametrize(
    ("table", "column"), [(table, name) for table, names in _OTHERS.items() for name in names]
)
def test_the_least_change_of_any_other_column_is_found_where_it_is(
    events: list[AuditEvent], committed_db: PortalDatabase, table: str, column: str
) -> None:
    keys = keys_of(table)
    place = len(keys) // 2
    with owner_of(committed_db) as owner:
        changed = owner.execute(
            f"UPDATE {table} SET {column} = {_OTHERS[table][column]} WHERE {_KEYS[table]} = %s",
            [keys[place]],
        )
        assert changed.rowcount == 1
    found = fault()
    assert found is not None
    assert found[1] == {"audit_checkpoint": found[1]}.get(table, place + 1)


# --- kinds of tampering -------------------------------------------------------------------------


def change(owner: Owner, ids: list[UUID]) -> None:
    owner.execute("UPDATE audit_event SET action = 'nothing' WHERE id = %s", [ids[4]])


def remove_event(owner: Owner, ids: list[UUID]) -> None:
    owner.execute("DELETE FROM audit_event WHERE id = %s", [ids[4]])


def remove_with_seal(owner: Owner, ids: list[UUID]) -> None:
    remove_event(owner, ids)
    owner.execute("DELETE FROM audit_seal WHERE number = 5")


def remove_and_close_up(owner: Owner, ids: list[UUID]) -> None:
    remove_with_seal(owner, ids)
    for number in range(6, EVENTS + 1):
        owner.execute("UPDATE audit_seal SET number = number - 1 WHERE number = %s", [number])


def swap_events(owner: Owner, ids: list[UUID]) -> None:
    for number, event in ((5, None), (6, ids[4]), (5, ids[5])):
        spare = UUID(int=0) if event is None else event
        owner.execute("UPDATE audit_seal SET event_id = %s WHERE number = %s", [spare, number])


def swap_seals(owner: Owner, ids: list[UUID]) -> None:
    for before, after in ((5, 99), (6, 5), (99, 6)):
        owner.execute("UPDATE audit_seal SET number = %s WHERE number = %s", [after, before])


def insert(owner: Owner, ids: list[UUID]) -> None:
    for number in range(EVENTS, 4, -1):
        owner.execute("UPDATE audit_seal SET number = number + 1 WHERE number = %s", [number])
    owner.execute(
        "INSERT INTO audit_seal SELECT 5, gen_random_uuid(), previous_head, head, sealed_at"
        " FROM audit_seal WHERE number = 4"
    )


def cut_beginning(owner: Owner, ids: list[UUID]) -> None:
    owner.execute("DELETE FROM audit_event WHERE id = ANY(%s)", [ids[:4]])
    owner.execute("DELETE FROM audit_seal WHERE number <= 4")


def cut_tail(owner: Owner, ids: list[UUID]) -> None:
    owner.execute("DELETE FROM audit_event WHERE id = ANY(%s)", [ids[8:]])
    owner.execute("DELETE FROM audit_seal WHERE number > 8")


@pytest.mark.parametrize(
    ("tamper", "name", "number"),
    [
        (change, "EVENT_CHANGED", 5),
        (remove_event, "EVENT_REMOVED", 5),
        (remove_with_seal, "SEAL_REMOVED", 5),
        (remove_and_close_up, "SEALS_REORDERED", 5),
        (swap_events, "EVENT_CHANGED", 5),
        (swap_seals, "SEALS_REORDERED", 5),
        (insert, "SEALS_REORDERED", 5),
        (cut_beginning, "SEAL_REMOVED", 1),
        (cut_tail, "TAIL_CUT", 9),
    ],
)
def test_each_kind_of_tampering_is_named_with_its_first_seal(
    events: list[AuditEvent],
    committed_db: PortalDatabase,
    tamper: Callable[[Owner, list[UUID]], None],
    name: str,
    number: int,
) -> None:
    with owner_of(committed_db) as owner:
        tamper(owner, [event.pk for event in events])
    found = fault()
    assert found is not None
    assert found[:2] == (name, number)
    outcome = manage("verify_audit", "--json")
    document = outcome.document()
    assert (outcome.code, document["ok"]) == (1, False)
    assert (document["finding"]["fault"], document["finding"]["number"]) == (name, number)


def test_a_changed_event_is_named_by_its_id(events: list[AuditEvent], committed_db: Any) -> None:
    with owner_of(committed_db) as owner:
        change(owner, [event.pk for event in events])
    assert fault() == ("EVENT_CHANGED", 5, events[4].pk)
    outcome = manage("verify_audit")
    assert outcome.code == 1
    assert f"BROKEN, EVENT_CHANGED: Event {events[4].pk} is not what was sealed" in outcome.out


# --- cut tails and the log ----------------------------------------------------------------------


def heads() -> dict[int, str]:
    return {seal.number: seal.head.rpartition(":")[2] for seal in AuditSeal.objects.all()}


def forget_tail(owner: Owner, ids: list[UUID]) -> None:
    """Cut so well that nothing in the database tells."""
    cut_tail(owner, ids)
    owner.execute("DELETE FROM audit_checkpoint")


def test_a_tail_cut_with_its_checkpoints_is_found_by_the_head_in_the_log(
    events: list[AuditEvent], committed_db: PortalDatabase
) -> None:
    told = f"{EVENTS}:{heads()[EVENTS]}"
    with owner_of(committed_db) as owner:
        forget_tail(owner, [event.pk for event in events])
    assert fault() is None
    assert manage("verify_audit", "--head", told).code == 1
    document = manage("verify_audit", "--head", told, "--json").document()
    assert document["finding"]["fault"] == "TAIL_CUT"
    assert document["lastNumber"] == 8


def test_a_chain_that_grew_on_after_the_cut_differs_from_the_head_in_the_log(
    events: list[AuditEvent], committed_db: PortalDatabase
) -> None:
    told = heads()
    with owner_of(committed_db) as owner:
        forget_tail(owner, [event.pk for event in events])
    add_events(EVENTS)
    seal_all()
    assert fault() is None
    finding = verify_audit(heads={EVENTS: told[EVENTS]}).finding
    assert finding is not None
    assert (finding.fault, finding.number) == ("HEAD_DIFFERS", EVENTS)
    assert verify_audit(heads={8: told[8]}).finding is None


def test_a_cut_that_a_checkpoint_tells_of_can_not_be_grown_over(
    events: list[AuditEvent], committed_db: PortalDatabase
) -> None:
    with owner_of(committed_db) as owner:
        cut_tail(owner, [event.pk for event in events])
    add_events(3)
    assert seal_all() == 3
    assert AuditSeal.objects.latest("number").number == EVENTS + 3
    assert fault() == ("SEAL_REMOVED", 9, None)


def test_seals_removed_without_their_events_leave_a_hole_though_these_are_sealed_again(
    events: list[AuditEvent], committed_db: PortalDatabase
) -> None:
    with owner_of(committed_db) as owner:
        owner.execute("DELETE FROM audit_seal WHERE number > 8")
    assert seal_all() == 4
    assert fault() == ("SEAL_REMOVED", 9, None)


def test_a_made_up_checkpoint_neither_hides_a_cut_nor_leads_the_sealer_astray(
    events: list[AuditEvent], committed_db: PortalDatabase
) -> None:
    with owner_of(committed_db) as owner:
        cut_beginning(owner, [event.pk for event in events])
        owner.execute(
            "INSERT INTO audit_checkpoint SELECT gen_random_uuid(), 'PRUNED', 4, previous_head,"
            " sealed_at, now(), head FROM audit_seal WHERE number = 5"
        )
    assert fault() == ("CHECKPOINT_CHANGED", 4, None)
    with owner_of(committed_db) as owner:
        owner.execute("UPDATE audit_checkpoint SET number = 900 WHERE kind = 'SEALED'")
    add_events(1)
    seal_all()
    assert AuditSeal.objects.latest("number").number == EVENTS + 1


# --- the command --------------------------------------------------------------------------------


def test_the_command_tells_of_a_trail_that_holds(events: list[AuditEvent]) -> None:
    told = f"{EVENTS}:{heads()[EVENTS]}"
    document = manage("verify_audit", "--head", told, "--json").document()
    assert document | {"unsealed": 0} == {
        "ok": True,
        "seals": EVENTS,
        "firstNumber": 1,
        "lastNumber": EVENTS,
        "head": told,
        "unsealed": 0,
        "unsealedLate": 0,
        "finding": None,
        "warnings": [],
    }
    outcome = manage("verify_audit")
    assert (outcome.code, "holds" in outcome.out, told in outcome.out) == (0, True, True)


def test_events_that_nobody_seals_are_warned_of(committed_db: PortalDatabase) -> None:
    add_events(2)
    with owner_of(committed_db) as owner:
        owner.execute("UPDATE audit_event SET at = at - interval '6 minutes'")
    outcome = manage("verify_audit")
    assert outcome.code == 0
    assert "Warning: 2 events should have been sealed by now." in outcome.out
    assert manage("verify_audit", "--late-after", "7", "--json").document()["unsealedLate"] == 0


@pytest.mark.parametrize("head", ["7", "7:abc", "0:" + "0" * 64, "x:" + "0" * 64])
def test_a_head_that_is_none_is_wrong_usage(head: str) -> None:
    assert manage("verify_audit", "--head", head).code == 2
