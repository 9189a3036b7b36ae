"""Checking an evidence package without the portal's database: its hashes by themselves, its seals
with the keys of `ENCRYPTION_KEY`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError  # noqa: N812 - it is one

from audit.chain import seal_message as audit_message
from core.errors import TerminalError
from core.keyring import keyring
from loaderportal.evidence.package import AUDIT, FORMAT, MANIFEST, SEAL, VERSIONS, seal_message
from loaders.definition import Definition
from loaders.models import Decision, LoaderVersion

_CHUNK = 1 << 20
_LARGEST_MANIFEST = 1 << 20
_LONGEST_LINE = 1 << 24
_BROKEN_FORMS = (KeyError, TypeError, ValueError)


class NoPackageError(TerminalError):
    """The file is no evidence package at all."""

    code = "NOT_AN_EVIDENCE_PACKAGE"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Verdict(StrEnum):
    """What a check came to."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True)
class Checked:
    """One check: what was looked at, how many of them, and the first thing that is wrong."""

    what: str
    verdict: Verdict
    count: int
    message: str = ""


@dataclass(frozen=True)
class CheckReport:
    """What a package says of itself, and whether it holds."""

    loader_code: str
    start: str
    end: str
    checks: tuple[Checked, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is broken; what no key is there for can't be said to be."""
        return all(check.verdict is not Verdict.BROKEN for check in self.checks)


def check_package(path: Path) -> CheckReport:
    """Check a package. Raises NoPackageError for what is none, and OSError."""
    try:
        with ZipFile(path) as archive:
            return _check(archive)
    except (BadZipFile, ZlibError, EOFError, NotImplementedError) as error:
        raise NoPackageError(f"{path.name} is no intact ZIP file ({error}).") from None


def _check(archive: ZipFile) -> CheckReport:
    text = _read(archive, MANIFEST)
    try:
        manifest = json.loads(text)
        if manifest["format"] != FORMAT:
            raise NoPackageError(f"Its format is not {FORMAT}: another release made it.")
        code, start, end = (str(manifest[name]) for name in ("loaderCode", "from", "to"))
        files = {str(one["name"]): one for one in manifest["files"]}
    except _BROKEN_FORMS:
        raise NoPackageError(f"Its {MANIFEST} can't be read.") from None
    hashes = _hashes(archive, files)
    checks = [hashes, _sealed(archive, text)]
    if hashes.verdict is Verdict.HOLDS:  # what is altered proves nothing
        checks.append(_each("audit seals", archive, AUDIT, _audit_fault()))
        checks.append(_each("digests and approvals", archive, VERSIONS, _version_fault(code)))
    return CheckReport(code, start, end, tuple(checks))


def _hashes(archive: ZipFile, files: Mapping[str, Any]) -> Checked:
    """Whether the files are those of the manifest, no more and no less."""
    what, names = "files", archive.namelist()
    expected = {*files, MANIFEST, SEAL}
    if odd := sorted(expected ^ set(names)) or sorted({n for n in names if names.count(n) > 1}):
        return Checked(what, Verdict.BROKEN, len(files), f"Missing, added or doubled: {odd[0]}.")
    for name, told in files.items():
        digest, size = hashlib.sha256(), 0
        with archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
        if (size, digest.hexdigest()) != (told.get("bytes"), told.get("sha256")):
            message = f"{name} is not what the manifest tells."
            return Checked(what, Verdict.BROKEN, len(files), message)
    return Checked(what, Verdict.HOLDS, len(files))


def _sealed(archive: ZipFile, manifest: bytes) -> Checked:
    what, seal = "manifest's seal", _read(archive, SEAL).decode(errors="replace")
    if keyring().verifies(seal_message(manifest), seal):
        return Checked(what, Verdict.HOLDS, 1)
    if not keyring().knows(seal):
        return Checked(what, Verdict.UNKNOWN_KEY, 1, "Its key is not in ENCRYPTION_KEY.")
    return Checked(what, Verdict.BROKEN, 1, "The manifest is not the one that was sealed.")


_Fault = Callable[[Mapping[str, Any]], tuple[Verdict, str]]


def _each(what: str, archive: ZipFile, name: str, fault_of: _Fault) -> Checked:
    """Look at each line of a file; a broken one ends it."""
    count, verdict, told = 0, Verdict.HOLDS, ""
    for text in _lines(archive, name):
        count += 1
        try:
            found, message = fault_of(json.loads(text))
        except _BROKEN_FORMS:
            found, message = Verdict.BROKEN, f"Line {count} of {name} can't be read."
        if found is Verdict.BROKEN:
            return Checked(what, found, count, message)
        if found is Verdict.UNKNOWN_KEY and verdict is Verdict.HOLDS:
            verdict, told = found, message
    return Checked(what, verdict, count, told)


def _audit_fault() -> _Fault:
    """Each event against its seal, and each seal against the one before it where that is here."""
    last: tuple[int, str] = (0, "")

    def fault(row: Mapping[str, Any]) -> tuple[Verdict, str]:
        nonlocal last
        number, head = row["number"], row["head"]
        if number is None:
            return Verdict.HOLDS, ""
        is_next = number == last[0] + 1 and last[1]
        if number <= last[0] or (is_next and row["previousHead"] != last[1]):
            return Verdict.BROKEN, f"Seal {number} does not follow on the one before it."
        last = (number, head)
        message = audit_message(number, row["previousHead"], row["sealedAt"], row["event"])
        if keyring().verifies(message, head):
            return Verdict.HOLDS, ""
        if not keyring().knows(head):
            return Verdict.UNKNOWN_KEY, f"The key of seal {number} is not in ENCRYPTION_KEY."
        return Verdict.BROKEN, f"The event of seal {number} is not the one that was sealed."

    return fault


def _version_fault(loader_code: str) -> _Fault:
    """Each definition against its digest, each approval against its seal."""

    def fault(row: Mapping[str, Any]) -> tuple[Verdict, str]:
        number, version = row["number"], _version(row)
        if not keyring().knows(version.digest):
            return Verdict.UNKNOWN_KEY, f"The key of version {number} is not in ENCRYPTION_KEY."
        definition = Definition(version.loader_id, loader_code, row["definition"])
        if not definition.matches(version.digest, number):
            return Verdict.BROKEN, f"Version {number} is not the one that was submitted."
        if version.decision == Decision.APPROVED and not version.is_sealed():
            return Verdict.BROKEN, f"Version {number} was not approved through the portal."
        return Verdict.HOLDS, ""

    return fault


def _version(row: Mapping[str, Any]) -> LoaderVersion:
    """The version as a row would be; never saved."""
    decided_at = row["decidedAt"]
    return LoaderVersion(
        id=UUID(row["id"]),
        loader_id=UUID(row["loaderId"]),
        number=row["number"],
        digest=str(row["digest"]),
        approval_seal=str(row["approvalSeal"]),
        submitted_by_id=row["submittedById"],
        decision=row["decision"],
        decided_by_id=row["decidedById"],
        decided_at=datetime.fromisoformat(decided_at) if decided_at else None,
    )


def _lines(archive: ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as file:
        while text := file.readline(_LONGEST_LINE):
            yield text


def _read(archive: ZipFile, name: str) -> bytes:
    """A small file. Raises NoPackageError."""
    try:
        with archive.open(name) as file:
            text = file.read(_LARGEST_MANIFEST + 1)
    except KeyError:
        raise NoPackageError(f"There is no {name} in it.") from None
    if len(text) > _LARGEST_MANIFEST:
        raise NoPackageError(f"Its {name} is too large.")
    return text
