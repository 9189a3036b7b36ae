"""`manage.py demo`: Loader Portal on this machine, with real data."""

from __future__ import annotations

from loaderportal.commands.apart import ApartCommand
from loaderportal.demo.options import OPTIONS


class Command(ApartCommand):
    """What `make demo` runs."""

    help = "Run the portal on this machine with its own database, real flights and a live stream."
    module = "loaderportal.demo"
    options = OPTIONS
