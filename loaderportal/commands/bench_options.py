"""What `manage.py bench` takes. The benchmarks stand above the portal and import it from here."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from typing import Any


def positive(text: str) -> int:
    """A whole number from 1. Raises ArgumentTypeError."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("it must be at least 1")
    return number


SIZES = {
    "rows": "rows of a large load",
    "runs": "runs in one worker process",
    "loaders": "loaders of a scan for gaps",
    "people": "users at the API",
    "seconds": "how long they ask",
    "signals": "signals of a query",
}
"""How much is asked of the benchmarks, by the names of `benchmarks.report.Size`."""

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "only": {"metavar": "NAME", "help": "one benchmark instead of all"},
    "full": {"action": "store_true", "help": "the long form: an hour, not minutes"},
    **{name: {"type": positive, "metavar": "N", "help": told} for name, told in SIZES.items()},
    "json": {"action": "store_true", "help": "print the line of JSON only"},
}
EXAMPLE = "manage.py bench --only writer --json"
