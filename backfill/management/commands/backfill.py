"""`manage.py backfill`: load chosen stretches of a loader's time."""

from __future__ import annotations

from accounts.commands import ActingCommandGroup
from backfill.commands.acting import (
    CancelJob,
    ExecuteJob,
    PauseJob,
    ResumeJob,
    RetryJob,
    SubmitJob,
)
from backfill.commands.reading import ListJobs, PreviewJob, ShowJob


class Command(ActingCommandGroup):
    """Acts on backfills. Approving and rejecting is not among them."""

    help = "Submit, watch and control backfills. Approving is done in the console or by the API."
    acts = (
        PreviewJob,
        SubmitJob,
        ListJobs,
        ShowJob,
        ExecuteJob,
        PauseJob,
        ResumeJob,
        CancelJob,
        RetryJob,
    )
