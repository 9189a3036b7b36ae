"""The chain of seals: whatever is changed in it, the walk stops there."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.chain import (
    BEGINNING,
    Fault,
    Finding,
    StoredCheckpoint,
    StoredSeal,
    Tip,
    checkpoint_fault,
    first_fault,
    seal_message,
)
from core.keyring import Keyring

OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
RING = Keyring.parse(OLD)
ROTATED = Keyring.parse(f"{NEW},{OLD}")
TEXTS = ("event", "previous_head", "head", "sealed_at")


def chain(events: int, *rings: Keyring) -> list[StoredSeal]:
    """A chain of made-up events; the n-th is sealed with the n-th ring, or the last."""
    made: list[StoredSeal] = []
    tip = BEGINNING
    for number in range(1, events + 1):
        ring = rings[min(number, len(rings)) - 1]
        text = f'["event {number}", {{"note": "é\\n"}}]'
        sealed_at = f"17000000{number:02d}.000000"
        head = ring.digest(seal_message(number, tip.head, sealed_at, text))
        made.append(StoredSeal(number, UUID(int=number), tip.head, head, sealed_at, text))
        tip = made[-1].tip()
    return made


def walk(seals: list[StoredSeal], ring: Keyring = RING) -> Finding | None:
    tip = BEGINNING
    for seal in seals:
        if finding := first_fault(seal, tip, ring):
            return finding
        tip = seal.tip()
    return None


def checkpoint_of(seal: StoredSeal, kind: str = "SEALED") -> StoredCheckpoint:
    made = StoredCheckpoint(
        UUID(int=99), kind, seal.number, seal.head, seal.sealed_at, None, mac=""
    )
    return replace(made, mac=RING.digest(made.message()))


def test_a_chain_that_nobody_touched_holds() -> None:
    assert walk(chain(8, RING)) is None


@given(data=st.data(), place=st.integers(0, 7), field=st.sampled_from(TEXTS))
def test_one_other_character_anywhere_is_found_at_its_own_seal(
    data: st.DataObject, place: int, field: str
) -> None:
    seals = chain(8, RING)
    text: str = getattr(seals[place], field)
    if not text:  # the first seal has no predecessor
        return
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != text[at]))
    changed = text[:at] + other + text[at + 1 :]
    values: dict[str, Any] = {field: changed}
    seals[place] = replace(seals[place], **values)
    finding = walk(seals)
    assert finding is not None
    assert finding.number == place + 1
    assert finding.event_id == UUID(int=place + 1)


@given(first=st.integers(0, 7), second=st.integers(0, 7))
def test_two_events_in_each_others_place_are_found_at_the_first(first: int, second: int) -> None:
    seals = chain(8, RING)
    one, other = seals[first], seals[second]
    seals[first] = replace(one, event_id=other.event_id, event=other.event)
    seals[second] = replace(other, event_id=one.event_id, event=one.event)
    finding = walk(seals)
    if first == second:
        assert finding is None
    else:
        assert finding is not None
        assert (finding.fault, finding.number) == (Fault.EVENT_CHANGED, min(first, second) + 1)


def test_seals_in_each_others_place_are_called_reordered() -> None:
    seals = chain(4, RING)
    seals[1], seals[2] = replace(seals[2], number=2), replace(seals[1], number=3)
    finding = walk(seals)
    assert finding is not None
    assert (finding.fault, finding.number) == (Fault.SEALS_REORDERED, 2)


def test_a_removed_event_and_a_removed_seal_are_told_apart() -> None:
    seals = chain(4, RING)
    without_event = [*seals[:2], replace(seals[2], event=None), seals[3]]
    without_seal = [*seals[:2], seals[3]]
    event, seal = walk(without_event), walk(without_seal)
    assert event is not None
    assert seal is not None
    assert (event.fault, event.number) == (Fault.EVENT_REMOVED, 3)
    assert (seal.fault, seal.number) == (Fault.SEAL_REMOVED, 3)


def test_what_the_old_key_sealed_holds_after_rotation_and_not_without_it() -> None:
    seals = chain(6, RING, RING, RING, ROTATED)
    assert len({seal.head.split(":")[1] for seal in seals}) == 2
    assert walk(seals, ROTATED) is None
    finding = walk(seals, Keyring.parse(NEW))
    assert finding is not None
    assert (finding.fault, finding.number) == (Fault.KEY_UNKNOWN, 1)


@pytest.mark.parametrize("field", ["kind", "head", "at", "before"])
def test_a_checkpoint_that_was_altered_is_found(field: str) -> None:
    seal = chain(1, RING)[0]
    checkpoint = checkpoint_of(seal)
    assert checkpoint_fault(checkpoint, RING, seal) is None
    values: dict[str, Any] = {field: "PRUNED"}
    finding = checkpoint_fault(replace(checkpoint, **values), RING, seal)
    assert finding is not None
    assert finding.fault == Fault.CHECKPOINT_CHANGED


def test_a_chain_made_anew_does_not_match_its_checkpoint() -> None:
    seal = chain(1, RING)[0]
    other = checkpoint_of(replace(seal, head=RING.digest(b"another chain")))
    finding = checkpoint_fault(other, RING, seal)
    assert finding is not None
    assert finding.fault == Fault.HEAD_DIFFERS


def test_a_witness_is_the_number_and_the_bare_hex_of_the_head() -> None:
    assert Tip(7, "hs1:0011aabb:00ff").witness() == "7:00ff"
