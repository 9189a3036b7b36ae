"""Use cases of backfills."""

from backfill.services.controlling import cancel, execute, pause, resume
from backfill.services.deciding import approve, expire_requests, reject
from backfill.services.preview import Preview, PreviewedWindow, preview
from backfill.services.reading import get_job
from backfill.services.submitting import Wanted, retry, submit

__all__ = [
    "Preview",
    "PreviewedWindow",
    "Wanted",
    "approve",
    "cancel",
    "execute",
    "expire_requests",
    "get_job",
    "pause",
    "preview",
    "reject",
    "resume",
    "retry",
    "submit",
]
