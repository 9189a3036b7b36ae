"""Sessions of the console and refresh tokens of the API: what is over, goes."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from core.clock import ClockTimestamp
from core.retention import Tell, delete_in_batches, silently


def count_ended_sessions() -> int:
    """How many sessions and refresh tokens are past their end."""
    return sum(ended.count() for ended in _ended())


def delete_ended_sessions(tell: Tell = silently) -> int:
    """Delete sessions and refresh tokens past their end, revoked ones too: they open nothing any
    more. Returns how many."""
    return sum(delete_in_batches(ended, tell) for ended in _ended())


def _ended() -> list[QuerySet[Any]]:
    return [
        Session.objects.filter(expire_date__lt=ClockTimestamp()),
        OutstandingToken.objects.filter(expires_at__lt=ClockTimestamp()),
    ]
