"""`manage.py loader export` and `import`: definitions as YAML files for git."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rest_framework import serializers
from rich.console import Group, RenderableType

from accounts.commands import Act, Answer, Call, ExitCode, Unchanged, table
from accounts.roles import Permission
from core.camel_case import camelize, rename, underscore
from core.errors import PortalError
from loaderportal.commands.definition_files import (
    STANDARD,
    SUFFIX,
    FileAccessError,
    named_files,
    read_text,
    write_text,
)
from loaderportal.commands.naming import loader_of, loaders_of
from loaders.api.serializers import LoaderBody
from loaders.definition_file import SEPARATOR, MalformedFileError, WrittenDefinition, from_yaml
from loaders.exceptions import SourceNotFoundError, ValidationFailedError
from loaders.models import Loader, LogLevel
from loaders.services import export_loader, import_loaders
from loaders.services.interchange import Imported, ImportReport, Outcome

_FIELDS = ("LOADER", "FILE", "OUTCOME", "CHANGED", "APPROVAL")
_PROBLEMS = ("FILE", "LINE", "KEY", "PROBLEM")


class ExportLoaders(Act):
    """Write definitions as YAML, one file a loader."""

    name = "export"
    help = (
        "Export definitions as YAML, SQL included and no secrets: to standard output, or one file "
        "a loader into a folder. The audit trail tells of it."
    )
    example = "manage.py loader export --all --output definitions --as amal"
    needs = Permission.VIEW_SQL

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("codes", nargs="*", metavar="CODE", help="codes of loaders")
        parser.add_argument("--all", action="store_true", help="all but the archived ones")
        parser.add_argument(
            "--output",
            default=STANDARD,
            metavar="DIR",
            help=f"the folder, made if need be; {STANDARD} is standard output (default)",
        )

    def run(self, call: Call) -> Answer:
        folder = call.options["output"]
        loaders = list(_chosen(call))
        if folder == STANDARD:
            texts = {loader.loader_code: _exported(call, loader) for loader in loaders}
            results = [{"loader_code": code, "yaml": text} for code, text in texts.items()]
            return Answer({"results": results}, Unchanged(SEPARATOR.join(texts.values())))
        files = []
        for number, loader in enumerate(loaders, 1):
            call.progress.bar(number, len(loaders), "loaders")
            path = Path(folder) / f"{loader.loader_code}{SUFFIX}"
            is_new = write_text(path, _exported(call, loader))
            files.append((loader.loader_code, str(path), "written" if is_new else "unchanged"))
        names = ("loader_code", "file", "outcome")
        document = {"results": [dict(zip(names, file, strict=True)) for file in files]}
        return Answer(document, table(("LOADER", "FILE", "OUTCOME"), files))


class ImportLoaders(Act):
    """Make drafts of YAML files."""

    name = "import"
    help = (
        "Import definitions from YAML files: new and changed ones become drafts that a second "
        "person approves, equal ones are left alone. If a file is refused, none is imported."
    )
    example = "manage.py loader import definitions --dry-run --as amal"
    needs = Permission.EDIT_LOADERS
    by_persons_only = True

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help=f"files, folders, or {STANDARD}"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would become of them, change nothing"
        )
        parser.add_argument(
            "--partial", action="store_true", help="import the good ones where others are refused"
        )

    def run(self, call: Call) -> Answer:
        found = _Found()
        for name in named_files(call.options["files"]):
            found.read(name, call)
        entries = found.entries
        partial = call.options["partial"]
        call.progress.say(f"{len(entries)} definitions ...")
        report = import_loaders(
            user=call.user,
            definitions=[entry.values for entry in entries],
            dry_run=call.options["dry_run"] or (bool(found.problems) and not partial),
            partial=partial,
        )
        for entry, result in zip(entries, report.results, strict=True):
            found.problems += entry.problems(result)
        code = ExitCode.INVALID if found.problems else ExitCode.DONE
        return Answer(_document(found, report, call), _view(found, report, call), code)


class _FileBody(LoaderBody):
    """What a file may set: as the API, but texts stay as they are written, to the last space."""

    log_level = serializers.ChoiceField(LogLevel.choices, allow_blank=True, required=False)
    loader_sql = serializers.CharField(trim_whitespace=False, required=False, allow_blank=True)

    class Meta(LoaderBody.Meta):
        fields = (*(n for n in LoaderBody.Meta.fields if n != "enabled"), "log_level")

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for one in fields.values():
            for text in (one, getattr(one, "child", None)):
                if isinstance(text, serializers.CharField):
                    text.trim_whitespace = False
        # Uniqueness is for the service to judge: here a code that is there is a change.
        fields["loader_code"].validators = []
        return fields


@dataclass(frozen=True)
class _Problem:
    file: str
    line: int
    key: str
    message: str


@dataclass(frozen=True)
class _Entry:
    """A definition whose values are of the right kind, and where it stands."""

    file: str
    written: WrittenDefinition
    values: dict[str, Any]

    def problems(self, result: Imported) -> Iterator[_Problem]:
        for refusal in result.refusals:
            yield problem_at(self.file, self.written, refusal.field, refusal.message)


@dataclass
class _Found:
    """What the files hold."""

    entries: list[_Entry] = field(default_factory=list)
    problems: list[_Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """Where each code stands first."""

    def read(self, file: str, call: Call) -> None:
        """Take what a file holds."""
        try:
            for written in from_yaml(read_text(file)):
                self._take(file, written, call)
        except MalformedFileError as error:
            one = error.problem
            self.problems.append(_Problem(file, one.line, one.field, one.message))
        except FileAccessError as error:
            self.problems.append(_Problem(file, 1, "", error.message))

    def _take(self, file: str, written: WrittenDefinition, call: Call) -> None:
        place = f"{file}, line {written.line}"
        if (first := self.places.setdefault(written.code, place)) != place:
            message = f"{written.code} stands in {first} already."
            self.problems.append(problem_at(file, written, "loader_code", message))
            return
        body = _FileBody(data=rename(written.values, underscore), context={"request": call})
        try:
            is_valid = body.is_valid()
        except PortalError as error:
            name = "source_database" if isinstance(error, SourceNotFoundError) else ""
            self.problems.append(problem_at(file, written, name, error.message))
            return
        if is_valid:
            self.entries.append(_Entry(file, written, dict(body.validated_data)))
        for name, texts in body.errors.items():
            for text in _flat(texts):
                self.problems.append(problem_at(file, written, str(name), text))


def problem_at(file: str, written: WrittenDefinition, name: str, message: str) -> _Problem:
    """A problem with one field of a definition, or with the definition where no field is named."""
    key = camelize(name)
    return _Problem(file, written.line_of(key), key, message)


def _chosen(call: Call) -> Iterator[Loader]:
    """The loaders meant. Raises LoaderNotFoundError, ValidationFailedError."""
    codes = list(dict.fromkeys(call.options["codes"]))
    if bool(codes) == call.options["all"]:
        raise ValidationFailedError("Name the loaders to export, or say --all.")
    if codes:
        yield from (loader_of(call, code) for code in codes)
    else:
        yield from loaders_of(call).filter(archived_at=None).order_by("loader_code")


def _exported(call: Call, loader: Loader) -> str:
    return export_loader(user=call.user, loader=loader)


def _flat(texts: Any) -> Iterator[str]:
    """The sentences of DRF's errors, those about a member of a list too."""
    if isinstance(texts, dict):
        for number, inner in texts.items():
            yield from (f"entry {number}: {text}" for text in _flat(inner))
    elif isinstance(texts, list):
        for inner in texts:
            yield from _flat(inner)
    else:
        yield str(texts)


def _document(found: _Found, report: ImportReport, call: Call) -> dict[str, object]:
    return {
        "applied": report.is_applied,
        "dry_run": call.options["dry_run"],
        "results": [
            {
                "loader_code": result.loader_code,
                "file": entry.file,
                "outcome": result.outcome,
                "changed": [camelize(name) for name in result.changed],
                "approval_status": result.approval_status or None,
            }
            for entry, result in zip(found.entries, report.results, strict=True)
        ],
        "problems": [vars(problem) for problem in found.problems],
    }


def _view(found: _Found, report: ImportReport, call: Call) -> RenderableType:
    rows = [
        (
            result.loader_code,
            entry.file,
            result.outcome.value,
            ", ".join(camelize(name) for name in result.changed),
            result.approval_status,
        )
        for entry, result in zip(found.entries, report.results, strict=True)
    ]
    parts: list[RenderableType] = [table(_FIELDS, rows)] if rows else []
    if found.problems:
        told = [(p.file, p.line, p.key, p.message) for p in found.problems]
        parts += ["", table(_PROBLEMS, told)] if parts else [table(_PROBLEMS, told)]
    return Group(*parts, "", _sentence(found, report, call))


def _sentence(found: _Found, report: ImportReport, call: Call) -> str:
    if report.is_applied:
        done = [one for one in report.results if one.outcome in {Outcome.CREATED, Outcome.CHANGED}]
        return f"Imported: {len(done)} of {len(report.results)}; the others are as they were."
    if call.options["dry_run"]:
        return "A dry run: nothing was changed."
    count = len(found.problems)
    return f"Nothing was imported: {count} {'problem' if count == 1 else 'problems'}."
