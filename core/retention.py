"""What is removed after a while: one description a kind of row, for the upkeep and for `prune`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Model, QuerySet

BATCH = 1000

Tell = Callable[[int], None]
"""Called after each batch with how many more things went."""


def silently(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Retained:
    """Rows or files that go once they are old enough. Both functions take the database's clock;
    `prune` works in batches that commit each on their own, stands being run twice at once and
    being broken off at any point, and returns how many went."""

    name: str
    tables: tuple[str, ...]
    """Tables, or what else it is that is emptied; each stands in one entry only."""

    unit: str
    """What is counted."""

    kept: timedelta | None
    """How long; None for ever: then neither function does anything."""

    rule: str
    """What decides it: a variable of the environment, or words."""

    count: Callable[[], int]
    """How many would go now."""

    prune: Callable[[Tell], int]


def delete_in_batches(
    rows: QuerySet[Model, Any], tell: Tell = silently, *, most: int = BATCH
) -> int:
    """Delete the rows, so many at a time in a transaction of their own; returns how many."""
    deleted = 0
    while keys := list(rows.values_list("pk", flat=True)[:most]):
        rows.model._default_manager.filter(pk__in=keys).delete()  # noqa: SLF001 - Django's own API
        deleted += len(keys)
        tell(len(keys))
    return deleted
