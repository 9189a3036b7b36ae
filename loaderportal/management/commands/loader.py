"""`manage.py loader`: see and operate loaders."""

from __future__ import annotations

from accounts.commands import ActingCommandGroup
from loaderportal.commands.interchange import ExportLoaders, ImportLoaders
from loaderportal.commands.reading import ListLoaders, ShowLoader
from loaderportal.commands.running import RunLoader
from loaderportal.commands.switching import (
    ArchiveLoader,
    CopyLoader,
    DisableLoader,
    EnableLoader,
    SubmitLoader,
)


class Command(ActingCommandGroup):
    """Acts on one loader, or lists them. Approving and rejecting is not among the acts."""

    help = "See and operate loaders. Approving and rejecting is done in the console or by the API."
    acts = (
        ListLoaders,
        ShowLoader,
        RunLoader,
        EnableLoader,
        DisableLoader,
        ArchiveLoader,
        CopyLoader,
        SubmitLoader,
        ExportLoaders,
        ImportLoaders,
    )
