"""`manage.py gaps`: see, scan for and waive gaps."""

from __future__ import annotations

from accounts.commands import ActingCommandGroup
from loaderportal.commands.gaps import ListGaps, ScanForGaps, WaiveGap


class Command(ActingCommandGroup):
    """What is missing below the watermarks of loaders."""

    help = "See, scan for and waive gaps: failed, missing and unverified stretches."
    acts = (ScanForGaps, ListGaps, WaiveGap)
