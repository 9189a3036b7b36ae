"""Console pages of the backfill app."""

from backfill.admin.job import BackfillJobAdmin
from backfill.admin.links import jobs_address, submit_address

__all__ = ["BackfillJobAdmin", "jobs_address", "submit_address"]
