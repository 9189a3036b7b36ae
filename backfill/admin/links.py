"""Addresses of the console's pages of backfills."""

from __future__ import annotations

from django.urls import reverse
from django.utils.http import urlencode

from backfill.models import BackfillJob
from loaders.models import Loader


def submit_address(loader: Loader) -> str:
    """The form for a backfill of the loader."""
    return f"{reverse('admin:backfill_backfilljob_add')}?{urlencode({'loader': str(loader.pk)})}"


def retry_address(job: BackfillJob) -> str:
    """The same form, with the values of a job that has ended."""
    return f"{reverse('admin:backfill_backfilljob_add')}?{urlencode({'retry': str(job.pk)})}"


def jobs_address(loader: Loader) -> str:
    """The loader's backfills."""
    query = urlencode({"loader__loader_code__exact": loader.loader_code})
    return f"{reverse('admin:backfill_backfilljob_changelist')}?{query}"


def waiting_jobs_address() -> str:
    """The backfills that wait for the person's own approval."""
    return f"{reverse('admin:backfill_backfilljob_changelist')}?waiting=me"
