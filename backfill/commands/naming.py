"""How acts name jobs, and what somebody wants loaded."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from uuid import UUID

from accounts.commands import Act, Call
from backfill.models import BackfillJob
from backfill.order import FIRST, LAST, USUAL
from backfill.services import Wanted, get_job
from backfill.states import JobMode
from loaders.models import Loader
from loaders.policies import PurgeStrategy
from loaders.services import get_loader


def instant(text: str) -> datetime:
    """An instant in ISO form; UTC unless it has an offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text} is no time such as 2026-01-31T10:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def job_of(call: Call) -> BackfillJob:
    """The job that an act is about. Raises BackfillJobNotFoundError."""
    return get_job(call.options["job_id"], user=call.user)


def loader_of(call: Call) -> Loader:
    """The loader that an act is about. Raises LoaderNotFoundError."""
    return get_loader(call.options["code"], user=call.user)


def wanted_of(call: Call) -> Wanted:
    """What the options ask for."""
    options = call.options
    return Wanted(
        from_time=options["from_time"],
        to_time=options["to_time"],
        purge_strategy=PurgeStrategy(options["purge"]),
        mode=JobMode(options["mode"]),
        priority=options["priority"],
        reason=options["reason"],
    )


def add_wish(parser: ArgumentParser) -> None:
    """The loader, its range, and how to load it."""
    parser.add_argument("code", metavar="CODE", help="the loader's code")
    for name, dest in (("FROM", "from_time"), ("TO", "to_time")):
        parser.add_argument(
            dest, metavar=name, type=instant, help="such as 2026-01-31T10:00, UTC by default"
        )
    parser.add_argument(
        "--mode",
        type=str.upper,
        choices=JobMode.values,
        default=JobMode.ALL.value,
        help="all windows (ALL), or only what is not loaded",
    )
    parser.add_argument(
        "--purge",
        type=str.upper,
        choices=PurgeStrategy.values,
        default=PurgeStrategy.PURGE_AND_RELOAD.value,
        help="what to do where signals stand already (PURGE_AND_RELOAD)",
    )
    parser.add_argument(
        "--priority",
        type=int,
        default=USUAL,
        metavar="N",
        help=f"{FIRST} goes first, {LAST} last ({USUAL})",
    )
    parser.add_argument("--reason", default="", help="why; it is shown with the backfill")


class JobAct(Act):
    """An act on one job, told its id and no more."""

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("job_id", metavar="ID", type=UUID, help="the backfill's id")
