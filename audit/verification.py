"""Verifying the audit trail: walks the chain of seals and names the first thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from audit.chain import (
    BEGINNING,
    Finding,
    StoredCheckpoint,
    StoredSeal,
    Tip,
    checkpoint_fault,
    first_fault,
    head_differs,
    tail_cut,
)
from audit.sealing import count_unsealed
from audit.stored import last_checkpoint, read_seals
from core.clock import database_now
from core.keyring import keyring

_LOG = "the log"
_CHECKPOINT = "a checkpoint"


@dataclass
class Walk:
    """A walk along the chain. `heads` are heads known from elsewhere, by number, as hex."""

    heads: Mapping[int, str] = field(default_factory=dict)
    first: int = 0
    """Number of the first seal; 0 if there is none."""

    last: Tip = BEGINNING
    seals: int = 0
    finding: Finding | None = None

    def step(self, seal: StoredSeal) -> bool:
        """Look at the next seal; False if something is wrong with it."""
        if not self.seals:
            self.first = seal.number
            self._start_at(seal.pruned)
        self.finding = self.finding or first_fault(seal, self.last, keyring())
        if self.finding is None:
            self._compare_head(seal)
        if self.finding is not None:
            return False
        self.last = seal.tip()
        self.seals += 1
        return True

    def end(self, known: StoredCheckpoint | None) -> None:
        """Look whether the chain reaches as far as it is known to have reached."""
        if self.finding is None and known is not None:
            self.finding = checkpoint_fault(known, keyring())
            if self.finding is None and known.number > self.last.number:
                self.finding = tail_cut(self.last, known.number, _CHECKPOINT)
        furthest = max(self.heads, default=0)
        if self.finding is None and furthest > self.last.number:
            self.finding = tail_cut(self.last, furthest, _LOG)

    def _start_at(self, pruned: StoredCheckpoint | None) -> None:
        if pruned is not None:
            self.finding = checkpoint_fault(pruned, keyring())
            self.last = Tip(pruned.number, pruned.head)

    def _compare_head(self, seal: StoredSeal) -> None:
        known = self.heads.get(seal.number)
        if known is not None and seal.tip().witness() != f"{seal.number}:{known}":
            self.finding = head_differs(seal, _LOG)


@dataclass(frozen=True)
class Verification:
    """What verification found. `unsealed` events have no seal yet; `unsealed_late` of them are
    older than a sealer that works would leave them. `uncompared` heads lie before the first seal,
    whose predecessors were pruned."""

    finding: Finding | None
    first: int
    last: Tip
    seals: int
    unsealed: int
    unsealed_late: int
    uncompared: tuple[int, ...]


def verify_audit(
    *,
    heads: Mapping[int, str] | None = None,
    late_after: timedelta = timedelta(minutes=5),
    tell: Callable[[int], None] = lambda number: None,
) -> Verification:
    """Walk the whole chain, in bounded memory, up to the first fault. `heads` are heads that the
    log told, by number, as hex; `tell` is told now and then how many seals were verified."""
    now = database_now()
    # Before the walk: what the sealer appends meanwhile must not look like a cut.
    known = last_checkpoint()
    walk = walk_chain(heads=heads or {}, tell=tell)
    walk.end(known)
    return Verification(
        finding=walk.finding,
        first=walk.first,
        last=walk.last,
        seals=walk.seals,
        unsealed=count_unsealed(),
        unsealed_late=count_unsealed(until=now - late_after),
        uncompared=tuple(sorted(number for number in walk.heads if number < walk.first)),
    )


def walk_chain(
    *,
    heads: Mapping[int, str] | None = None,
    until: int | None = None,
    tell: Callable[[int], None] = lambda number: None,
) -> Walk:
    """Walk to the first fault, to seal `until`, or to the end."""
    walk = Walk(heads or {})
    with closing(read_seals(until=until)) as chunks:
        for chunk in chunks:
            if not all(map(walk.step, chunk)):
                break
            tell(walk.seals)
    return walk
