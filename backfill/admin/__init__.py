"""Console pages of the backfill app."""

from backfill.admin.job import BackfillJobAdmin
from backfill.admin.links import jobs_address, submit_address, waiting_jobs_address
from backfill.admin.recount import RecountAdmin

__all__ = [
    "BackfillJobAdmin",
    "RecountAdmin",
    "jobs_address",
    "submit_address",
    "waiting_jobs_address",
]
