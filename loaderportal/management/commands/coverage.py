"""`manage.py coverage`: see, verify and correct what is known of loaders' time."""

from __future__ import annotations

from accounts.commands import ActingCommand
from loaderportal.commands.covering import Coverage


class Command(ActingCommand):
    """Its exit code says whether coverage agrees with executions and signals."""

    act = Coverage
