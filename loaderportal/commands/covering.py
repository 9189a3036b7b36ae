"""`manage.py coverage`: what is known of a loader's time, and whether it is true."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rich.console import Group, RenderableType

from accounts.commands import Act, Answer, Call, ExitCode, table
from accounts.roles import Permission, User, require
from core.display import number_text, span_text, window_text
from execution.comparison import Difference
from execution.services import PartVerified, read_coverage, verify_coverage, verify_totals
from execution.services.coverage_reading import CoverageReading
from loaderportal.commands.naming import loader_of
from loaders.exceptions import ValidationFailedError
from loaders.models import Loader

MOST_TOLD = 1000
"""Differences that are listed; all are counted."""

_STRETCH = "Stretch (UTC)"


class Coverage(Act):
    """Show a loader's coverage, or verify that of one or all."""

    help = (
        "Show a loader's coverage: every stretch of its time and what is known of it. With "
        "--verify, recompute it, and the totals that charts are made of, from executions and "
        "signals, and compare; ends with 1 if something differs. With --repair, correct it: a "
        "stretch whose signals are gone becomes a gap."
    )
    example = "manage.py coverage PAYMENTS_HOURLY --verify --from 2026-01-01 --to 2026-02-01"
    needs = Permission.VIEW

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("code", nargs="?", metavar="LOADER", help="code of the loader")
        parser.add_argument("--all", action="store_true", help="all loaders but archived ones")
        parser.add_argument("--verify", action="store_true", help="recompute and compare")
        parser.add_argument(
            "--repair", action="store_true", help="verify and correct what differs; audited"
        )
        for name in ("from", "to"):
            parser.add_argument(
                f"--{name}",
                dest=f"{name}_time",
                type=instant,
                metavar="TIME",
                help="only this part of the time, UTC: 2026-01-31 or 2026-01-31T10:00",
            )
        parser.add_argument(
            "--most", type=int, default=200, help="stretches that are shown at most (200)"
        )

    def run(self, call: Call) -> Answer:
        if call.options["repair"]:
            require(call.user, Permission.MEND_COVERAGE)
        loaders = list(_loaders(call))
        if call.options["verify"] or call.options["repair"]:
            return _verify(call, loaders)
        if len(loaders) != 1 or call.options["all"]:
            raise _wrong("--all is for --verify and --repair; name the loader to see its coverage.")
        return _show(call, loaders[0])


def instant(text: str) -> datetime:
    """A time as it is typed: a date, or date and time, in UTC unless it says otherwise. Raises
    ArgumentTypeError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a time reads 2026-01-31 or 2026-01-31T10:00") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _loaders(call: Call) -> Iterator[Loader]:
    if call.options["all"] == bool(call.options["code"]):
        raise _wrong("Name one loader, or say --all.")
    if not call.options["all"]:
        yield loader_of(call)
        return
    every = Loader.objects.visible_to(call.user).filter(archived_at=None)
    yield from every.select_related("state", "source_database").iterator()


def _wrong(message: str) -> ValidationFailedError:
    return ValidationFailedError(message)


def _show(call: Call, loader: Loader) -> Answer:
    reading = read_coverage(
        loader,
        start=call.options["from_time"],
        end=call.options["to_time"],
        most=max(call.options["most"], 1),
    )
    rows = [] if reading is None else list(_rows(reading))
    document = {
        "loader_code": loader.loader_code,
        "is_condensed": reading is not None and reading.is_condensed,
        "intervals": [
            {"from_time": i.window.start, "to_time": i.window.end, "state": i.state}
            | {"rec_count": i.rec_count, "execution_id": i.load_history_id}
            for i in (reading.intervals if reading else [])
        ],
    }
    parts: list[RenderableType] = [table((_STRETCH, "Length", "State", "Signals"), rows)]
    if reading is not None and reading.is_condensed:
        parts.append("More stretches than are shown: each line tells the worst state of its time.")
    return Answer(document, Group(*parts) if rows else "Nothing of its time is known.")


def _rows(reading: CoverageReading) -> Iterator[tuple[object, ...]]:
    for one in reading.intervals:
        shown = window_text(one.window.start, one.window.end)
        yield shown, span_text(one.window.duration), one.state.label, number_text(one.rec_count)


def _verify(call: Call, loaders: Sequence[Loader]) -> Answer:
    told: list[tuple[str, Difference]] = []
    wrong = repaired = 0
    codes = set()
    for number, loader in enumerate(loaders):
        codes.add(loader.loader_code)
        call.progress.bar(number, len(loaders), "loaders")
        for part in _parts(call.user, call, loader):
            if len(loaders) == 1:
                call.progress.say(f"{loader.loader_code} {part.stretch.end:%Y-%m-%d %H:%M}")
            wrong += sum(one.fault.is_wrong for one in part.differences)
            repaired += sum(one.fault.is_wrong for one in part.differences if part.repaired)
            room = MOST_TOLD - len(told)
            told += [(loader.loader_code, one) for one in islice(part.differences, room)]
    document = {
        "ok": wrong == repaired,
        "loaders": len(codes),
        "difference_count": wrong,
        "repaired_count": repaired,
        "differences": [_member(code, one) for code, one in told],
    }
    head = (
        f"{len(codes):,} loaders verified, {wrong:,} stretches differ, {repaired:,} were corrected."
    )
    rows = [_line(code, one) for code, one in told]
    columns = ("Loader", _STRETCH, "What", "Coverage says", "What follows")
    view: RenderableType = Group(table(columns, rows), "", head) if rows else head
    return Answer(document, view, ExitCode.DONE if wrong == repaired else ExitCode.FAILED)


def _parts(user: User, call: Call, loader: Loader) -> Iterator[PartVerified]:
    for verify in (verify_coverage, verify_totals):
        yield from verify(
            user=user,
            loader=loader,
            start=call.options["from_time"],
            end=call.options["to_time"],
            repair=call.options["repair"],
        )


def _member(code: str, one: Difference) -> dict[str, Any]:
    return {
        "loader_code": code,
        "from_time": one.window.start,
        "to_time": one.window.end,
        "fault": one.fault,
        "state": one.told,
        "expected_state": one.found,
        "rec_count": one.signals_told,
        "signals": one.signals_found,
    }


def _line(code: str, one: Difference) -> tuple[object, ...]:
    says, follows = one.told.label, one.found.label
    if one.signals_found is not None:
        says, follows = number_text(one.signals_told), number_text(one.signals_found)
    window = window_text(one.window.start, one.window.end)
    return code, window, one.fault.label, says, follows
