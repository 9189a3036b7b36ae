"""`manage.py evidence`: export evidence about a loader, or check what was exported."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from rich.console import Group

from accounts.commands import Act, ActingCommand, Answer, Call, ExitCode, fields, table
from accounts.roles import Permission
from loaderportal.commands.covering import instant
from loaderportal.commands.definition_files import FileAccessError
from loaderportal.commands.naming import loader_of
from loaderportal.evidence.check import CheckReport, check_package
from loaderportal.evidence.export import export_evidence, file_name
from loaders.exceptions import ValidationFailedError

_FILES = ("FILE", "ROWS", "BYTES", "SHA-256")
_CHECKS = ("CHECKED", "HOW MANY", "VERDICT", "PROBLEM")


class Evidence(Act):
    """Export a package, or check one."""

    help = (
        "Export a loader's versions, approvals, executions, coverage and sealed audit events of a "
        "period as a ZIP with a manifest of SHA-256 hashes. With --check, check such a ZIP, which "
        "needs no database; ends with 1 if it does not hold."
    )
    example = "manage.py evidence PAYMENTS_HOURLY --from 2026-01-01 --to 2026-02-01 --as amal"
    needs = Permission.EXPORT_EVIDENCE

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("code", nargs="?", metavar="LOADER", help="code of the loader")
        for name in ("from", "to"):
            parser.add_argument(
                f"--{name}",
                dest=f"{name}_time",
                type=instant,
                metavar="TIME",
                help="the period, half-open, UTC: 2026-01-31 or 2026-01-31T10:00",
            )
        parser.add_argument(
            "--output", metavar="FILE", help="where to write it (evidence-LOADER-FROM-TO.zip)"
        )
        parser.add_argument("--check", metavar="FILE", help="check this package instead")

    @classmethod
    def leaves_trace(cls, options: Mapping[str, Any]) -> bool:
        """A check asks for nothing of the portal, so it needs no database to remember it in."""
        return not options["check"]

    def run(self, call: Call) -> Answer:
        asked = call.options
        if asked["check"]:
            return _check(Path(asked["check"]))
        if not asked["code"] or not asked["from_time"] or not asked["to_time"]:
            raise ValidationFailedError("Name the loader and the period: LOADER --from --to.")
        return _export(call, asked["from_time"], asked["to_time"])


class Command(ActingCommand):
    """Its exit code says whether the package is there, or holds."""

    act = Evidence


def _export(call: Call, start: datetime, end: datetime) -> Answer:
    loader = loader_of(call)
    path = Path(call.options["output"] or file_name(loader.loader_code, start, end))
    with _new_file(path) as target:
        manifest = export_evidence(
            user=call.user,
            loader=loader,
            start=start,
            end=end,
            target=target,
            tell=lambda name, rows: call.progress.say(f"{name}: {rows:,} rows"),
        )
    document = {
        "file": str(path),
        "loader_code": loader.loader_code,
        "manifest_sha256": manifest.sha256,
        "files": [vars(file) for file in manifest.files],
    }
    rows = [(file.name, file.rows, f"{file.bytes:,}", file.sha256) for file in manifest.files]
    return Answer(document, Group(str(path), "", table(_FILES, rows)))


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there once it is whole, for its owner only; nothing is left of a half one.
    Raises FileAccessError."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            part = Path(file.name)
            try:
                yield file
                file.close()
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise FileAccessError(f"{path} can't be written: {error.strerror}.") from None


def _check(path: Path) -> Answer:
    try:
        report = check_package(path)
    except OSError as error:
        raise FileAccessError(f"{path} can't be read: {error.strerror}.") from None
    view = Group(
        fields({"loader": report.loader_code, "from": report.start, "to": report.end}),
        "",
        table(_CHECKS, [(c.what, c.count, c.verdict.value, c.message) for c in report.checks]),
    )
    code = ExitCode.DONE if report.is_sound else ExitCode.FAILED
    return Answer(_document(report), view, code)


def _document(report: CheckReport) -> dict[str, object]:
    return {
        "ok": report.is_sound,
        "loader_code": report.loader_code,
        "from": report.start,
        "to": report.end,
        "results": [vars(check) for check in report.checks],
    }
