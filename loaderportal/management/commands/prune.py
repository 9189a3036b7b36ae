"""`manage.py prune`: remove by hand what is past its retention, or see what there is."""

from __future__ import annotations

from argparse import ArgumentParser

from rich.console import Group, RenderableType

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, table
from accounts.roles import Permission
from core.display import span_text
from core.retention import Retained
from loaderportal.retention import PruneReport, prune

_COLUMNS = ("WHAT", "KEPT", "BY", "REMOVED", "PROBLEM")


class Prune(Act):
    """Do at once what the maintenance cluster does every day."""

    help = (
        "Remove what is past its retention, in small batches, while the portal works: executions, "
        "signals, locks, captures, events and more. Broken off, it goes on where it was."
    )
    example = "manage.py prune --dry-run"
    needs = Permission.PRUNE

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="change nothing; say what would go"
        )

    def run(self, call: Call) -> Answer:
        def tell(entry: Retained, done: int, total: int) -> None:
            call.progress.bar(done, total, f"{entry.unit} ({entry.name})")

        report = prune(user=call.user, dry_run=call.options["dry_run"], progress=tell)
        return Answer(_document(report), _view(report), _exit_code(report))


class Command(ActingCommand):
    """Its exit code says whether all that is due has gone."""

    act = Prune


def _exit_code(report: PruneReport) -> ExitCode:
    if not report.errors:
        return ExitCode.DONE
    return ExitCode.TRY_LATER if report.may_be_tried_again else ExitCode.FAILED


def _document(report: PruneReport) -> dict[str, object]:
    return {
        "dry_run": report.is_dry_run,
        "results": [
            {
                "name": part.entry.name,
                "tables": list(part.entry.tables),
                "kept_seconds": None
                if part.entry.kept is None
                else part.entry.kept.total_seconds(),
                "rule": part.entry.rule,
                "unit": part.entry.unit,
                "count": part.count,
                "error": part.error and {"code": part.error.code, "message": part.error.message},
            }
            for part in report.parts
        ],
    }


def _view(report: PruneReport) -> RenderableType:
    columns = (*_COLUMNS[:3], "WOULD GO", _COLUMNS[4]) if report.is_dry_run else _COLUMNS
    rows = [
        (
            part.entry.name,
            "for ever" if part.entry.kept is None else span_text(part.entry.kept),
            part.entry.rule,
            f"{part.count:,} {part.entry.unit}",
            f"{part.error.code}: {part.error.message}" if part.error else "",
        )
        for part in report.parts
    ]
    return Group(table(columns, rows))
