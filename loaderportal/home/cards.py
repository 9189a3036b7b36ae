"""Numbers of the home page, and where each leads."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.http import urlencode

from core.display import Tone

SHOWN = 6
"""Rows of each table; the number above it says how many there are."""


@dataclass(frozen=True)
class Card:
    """A number that leads to its list."""

    label: str
    number: str
    address: str
    tone: Tone


def executions_address(**asked: str) -> str:
    """The list of executions, narrowed by its filters: `status="active"`, `started="24h"`."""
    page = reverse("admin:execution_loadhistory_changelist")
    return f"{page}?{urlencode(asked)}" if asked else page
