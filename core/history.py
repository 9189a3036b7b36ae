"""Version history of rows that hold secrets (spec 2, django-simple-history)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from simple_history.models import HistoricalRecords

from core.encrypted_fields import sealed


class SealedHistory(HistoricalRecords):  # type: ignore[misc] # simple-history is not typed
    """HistoricalRecords that copies ciphertext as it is: saving a row needs no key of the fields
    that it doesn't change, and a damaged field is no obstacle to changing another."""

    def create_historical_record(self, *args: Any, **kwargs: Any) -> None:
        with sealed():
            super().create_historical_record(*args, **kwargs)


@contextmanager
def changes_by(user: Any) -> Iterator[None]:
    """Let the history rows written meanwhile name this user, as a web request's middleware does;
    nobody, where the user is not an authenticated one."""
    context = HistoricalRecords.context
    context.request = SimpleNamespace(user=user)
    try:
        yield
    finally:
        del context.request
