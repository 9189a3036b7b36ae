"""The chain of seals over the audit trail: what a head is made of, and whether a seal holds.

No database here. head = HMAC-SHA256(number, previous head, time of sealing, event), where the event
stands in the one text that PostgreSQL makes of all its columns (`audit.event_text`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from core.keyring import Keyring

_SEAL = "audit-seal/1"
_CHECKPOINT = "audit-checkpoint/1"


@dataclass(frozen=True)
class Tip:
    """A place in the chain: the number of a seal and its head. Number 0 is before the first."""

    number: int
    head: str

    def witness(self) -> str:
        """`NUMBER:HEX`, as the log tells it and `verify_audit --head` takes it."""
        return f"{self.number}:{self.head.rpartition(':')[2]}"


BEGINNING = Tip(0, "")


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint's row; its times are texts, seconds since 1970."""

    id: UUID
    kind: str
    number: int
    head: str
    at: str
    before: str | None
    mac: str

    def message(self) -> bytes:
        """What its `mac` is over: all its columns."""
        return _message(
            _CHECKPOINT, str(self.id), self.kind, self.number, self.head, self.at, self.before
        )


@dataclass(frozen=True)
class StoredSeal:
    """A seal's row with the event it names, as text; None if there is no such event. `checkpoint`
    is the one that was made at this seal, if any; `pruned` the one that says that all before it was
    pruned."""

    number: int
    event_id: UUID
    previous_head: str
    head: str
    sealed_at: str
    event: str | None
    checkpoint: StoredCheckpoint | None = None
    pruned: StoredCheckpoint | None = None

    def tip(self) -> Tip:
        """The chain's end, if this is its last seal."""
        return Tip(self.number, self.head)


class Fault(StrEnum):
    """What is wrong with a chain."""

    EVENT_CHANGED = "EVENT_CHANGED"
    EVENT_REMOVED = "EVENT_REMOVED"
    SEAL_REMOVED = "SEAL_REMOVED"
    SEALS_REORDERED = "SEALS_REORDERED"
    TAIL_CUT = "TAIL_CUT"
    HEAD_DIFFERS = "HEAD_DIFFERS"
    CHECKPOINT_CHANGED = "CHECKPOINT_CHANGED"
    KEY_UNKNOWN = "KEY_UNKNOWN"


@dataclass(frozen=True)
class Finding:
    """The first thing that is wrong: the seal's number, and the event where one is known."""

    fault: Fault
    number: int
    event_id: UUID | None
    message: str


def seal_message(number: int, previous_head: str, sealed_at: str, event: str) -> bytes:
    """What a seal's head is over. `sealed_at` in seconds since 1970, as text."""
    return _message(_SEAL, number, previous_head, sealed_at, event)


def first_fault(seal: StoredSeal, after: Tip, ring: Keyring) -> Finding | None:
    """What is wrong with a seal that should follow on `after`; None if it holds."""
    if seal.number != after.number + 1:
        return _gap(seal, after)
    if seal.previous_head != after.head:
        return Finding(
            Fault.SEALS_REORDERED,
            seal.number,
            seal.event_id,
            f"Seal {seal.number} (event {seal.event_id}) does not follow on the seal before it: "
            "seals were changed, reordered or inserted.",
        )
    if seal.event is None:
        return Finding(
            Fault.EVENT_REMOVED,
            seal.number,
            seal.event_id,
            f"Event {seal.event_id} was removed: seal {seal.number} is there, the event is not.",
        )
    message = seal_message(seal.number, seal.previous_head, seal.sealed_at, seal.event)
    if not ring.verifies(message, seal.head):
        return _unverified(seal, ring)
    return checkpoint_fault(seal.checkpoint, ring, seal)


def checkpoint_fault(
    checkpoint: StoredCheckpoint | None, ring: Keyring, seal: StoredSeal | None = None
) -> Finding | None:
    """What is wrong with a checkpoint, by itself and with the seal it was made at."""
    if checkpoint is None:
        return None
    number = checkpoint.number
    if not ring.verifies(checkpoint.message(), checkpoint.mac):
        if not ring.knows(checkpoint.mac):
            return _unknown_key(f"The checkpoint at seal {number}", number, None)
        return Finding(
            Fault.CHECKPOINT_CHANGED, number, None, f"The checkpoint at seal {number} was changed."
        )
    if seal is not None and checkpoint.head != seal.head:
        return head_differs(seal, "its checkpoint")
    return None


def head_differs(seal: StoredSeal, witness: str) -> Finding:
    """The chain was made anew: it holds in itself, but is not the one that was seen before."""
    return Finding(
        Fault.HEAD_DIFFERS,
        seal.number,
        seal.event_id,
        f"The head at seal {seal.number} is not the one that {witness} tells: "
        "the chain up to there was replaced.",
    )


def tail_cut(last: Tip, known: int, witness: str) -> Finding:
    """The chain ends before a number that it is known to have reached."""
    return Finding(
        Fault.TAIL_CUT,
        last.number + 1,
        None,
        f"The chain ends with seal {last.number}, but {witness} tells of seal {known}: "
        f"seals {last.number + 1} to {known} were cut off.",
    )


def _gap(seal: StoredSeal, after: Tip) -> Finding:
    missing = after.number + 1
    span = f"Seal {missing} is" if seal.number == missing + 1 else f"Seals from {missing} on are"
    return Finding(
        Fault.SEAL_REMOVED,
        missing,
        None,
        f"{span} missing: seal {after.number} is followed by {seal.number}, and no checkpoint "
        "tells of pruning.",
    )


def _unverified(seal: StoredSeal, ring: Keyring) -> Finding:
    if not ring.knows(seal.head):
        return _unknown_key(f"Seal {seal.number}", seal.number, seal.event_id)
    return Finding(
        Fault.EVENT_CHANGED,
        seal.number,
        seal.event_id,
        f"Event {seal.event_id} is not what was sealed as number {seal.number}: it or its seal "
        "was changed.",
    )


def _unknown_key(what: str, number: int, event_id: UUID | None) -> Finding:
    return Finding(
        Fault.KEY_UNKNOWN,
        number,
        event_id,
        f"{what} was made with a key that is not in ENCRYPTION_KEY: add that key behind the first "
        "one, or the seal was changed.",
    )


def _message(*parts: str | int | None) -> bytes:
    """The parts in a form in which none can pass for another."""
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()
