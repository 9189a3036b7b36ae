"""`manage.py rotate_keys`: bring everything stored under the first key of `ENCRYPTION_KEY`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict

from rich.console import Group, RenderableType

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, table
from accounts.key_rotation import (
    BATCH,
    KeyUse,
    Place,
    RotationReport,
    plan_rotation,
    rotate_keys,
)
from accounts.roles import Permission

MOST_ROWS = 10_000
_TABLES = ("TABLE", "ROWS", "ROTATED", "NEW BEFORE", "TO DO", "WITH PROBLEMS")
_KEYS = ("KEY", "IN THE RING", "VALUES", "NEEDED FOR", "FOR GOOD")
_PROBLEMS = ("TABLE", "COLUMN", "ROW", "PROBLEM", "KEY")
_PLACES = {Place.FIRST: "first", Place.OTHER: "behind it", Place.MISSING: "no"}


class RotateKeys(Act):
    """Re-encrypt and re-sign what older keys sealed, or only look what there is."""

    help = (
        "Bring all that is stored encrypted or signed under the first key of ENCRYPTION_KEY, while "
        "the portal works, and say which keys are still needed. Broken off, it goes on where it "
        "was; fails if something can't be read."
    )
    example = "manage.py rotate_keys --dry-run"
    needs = Permission.MANAGE_KEYS

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing; say which keys are needed"
        )
        parser.add_argument(
            "--batch",
            type=_batch,
            default=BATCH,
            metavar="N",
            help=f"rows a transaction, 1 to {MOST_ROWS} (default {BATCH})",
        )

    def run(self, call: Call) -> Answer:
        act = plan_rotation if call.options["dry_run"] else rotate_keys
        report = act(
            user=call.user,
            batch=call.options["batch"],
            progress=lambda done, total: call.progress.bar(done, total, "rows"),
        )
        return Answer(_document(report), _view(report), _exit_code(report))


class Command(ActingCommand):
    """Its exit code says whether an old key may go as far as this run can tell."""

    act = RotateKeys


def _batch(text: str) -> int:
    rows = int(text)
    if not 1 <= rows <= MOST_ROWS:
        raise ArgumentTypeError(f"it must be from 1 to {MOST_ROWS}")
    return rows


def _exit_code(report: RotationReport) -> ExitCode:
    if report.problem_count:
        return ExitCode.FAILED
    if report.remaining and not report.is_dry_run:
        return ExitCode.TRY_LATER
    return ExitCode.DONE


def _document(report: RotationReport) -> dict[str, object]:
    return {
        "dry_run": report.is_dry_run,
        "remaining": report.remaining,
        "tables": [asdict(each) for each in report.tables],
        "problem_count": report.problem_count,
        "problems": [asdict(each) for each in report.problems],
        "keys": [asdict(use) | {"is_needed": use.is_needed} for use in report.keys],
        "keys_still_needed": [use.key_id for use in report.keys if use.is_needed],
    }


def _view(report: RotationReport) -> RenderableType:
    parts: list[RenderableType] = [
        table(
            _TABLES,
            [
                (t.table, t.rows, t.rotated, t.current, t.remaining, t.with_problems)
                for t in report.tables
            ],
        ),
        "",
        table(
            _KEYS,
            [(k.key_id, _PLACES[k.place], k.values, k.needed_for, k.lasting) for k in report.keys],
        ),
    ]
    if report.problems:
        rows = [(p.table, p.column, p.row, p.fault.value, p.key_id) for p in report.problems]
        parts += ["", table(_PROBLEMS, rows)]
    hidden = report.problem_count - len(report.problems)
    if hidden:
        parts.append(f"and {hidden} more")
    return Group(*parts, "", *_sentences(report))


def _sentences(report: RotationReport) -> list[str]:
    """What follows from it, for whoever holds the keys."""
    needed = [use for use in report.keys if use.is_needed]
    told = [f"Keys still needed: {_named(needed)}."]
    if missing := [use for use in needed if use.place == Place.MISSING]:
        told.append(f"Needed, but not in ENCRYPTION_KEY: {_named(missing)}.")
    if free := [use for use in report.keys if not use.is_needed and use.place == Place.OTHER]:
        told.append(f"May be taken out of ENCRYPTION_KEY: {_named(free)}.")
    if report.remaining and not report.is_dry_run:
        told.append("Some rows were held by others. Run it again.")
    return told


def _named(uses: list[KeyUse]) -> str:
    return ", ".join(use.key_id for use in uses)
