"""`manage.py bench`: measure the product against its limits."""

from __future__ import annotations

from loaderportal.commands.apart import ApartCommand
from loaderportal.commands.bench_options import OPTIONS


class Command(ApartCommand):
    """What `make bench` runs."""

    help = "Measure writer, worker and gap scan against their limits, on servers of their own."
    module = "benchmarks"
    options = OPTIONS
