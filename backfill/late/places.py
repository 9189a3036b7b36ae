"""How many places passes of re-counts may take, so that live runs find some (spec 9). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from uuid import UUID


class Places:
    """Half of the portal's slots and half of what each source serves at once, one of each at least.
    Re-counts under way are told by their sources."""

    def __init__(self, slots: int, under_way: Iterable[UUID]) -> None:
        self._slots = slots
        self._taken = Counter(under_way)

    @property
    def is_full(self) -> bool:
        """Whether passes have all they may."""
        return self._taken.total() >= max(1, self._slots // 2)

    def is_free(self, source: UUID, connections: int) -> bool:
        """Whether a further re-count may ask a source that serves so many runs at once."""
        return not self.is_full and self._taken[source] < max(1, connections // 2)

    def take(self, source: UUID) -> None:
        """A re-count was handed out."""
        self._taken[source] += 1
