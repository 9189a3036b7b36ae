"""What other apps do in the scheduler's cycle: work of lower rank than live runs (spec 9).

Apps above this one call `register` in their AppConfig's `ready`: imports go down only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

_works: dict[str, CycleWork] = {}


@dataclass
class LiveLeft:
    """What the live runs of a cycle left over. `waiting` are loaders that are due and found no
    place; with `is_full` the portal has none left, and loaders behind them were not tried."""

    waiting: set[UUID] = field(default_factory=set)
    is_full: bool = False


@dataclass(frozen=True)
class CycleWork:
    """Both functions return what they dispatched, by name. `before_live` serves only what has
    waited for so long that it has a right to a turn; `after_live` takes what live runs left over.
    Both must stand being run twice at once, or being broken off at any point."""

    name: str
    before_live: Callable[[], list[str]]
    after_live: Callable[[LiveLeft], list[str]]


def register(work: CycleWork) -> None:
    """Enter the work. ValueError for a second one of the same name."""
    if work.name in _works:
        raise ValueError(f"There is cycle work {work.name} already.")
    _works[work.name] = work


def registered() -> list[CycleWork]:
    """All works, in the order of their names."""
    return [_works[name] for name in sorted(_works)]
