"""The form of an evidence package: files of JSON lines in a ZIP, and a manifest with their hashes.

No database here. The same rows give the same files to the byte: keys are sorted, times in the ZIP
are fixed. Memory is bounded by a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from core.camel_case import camelize, rename
from core.keyring import keyring

FORMAT = "loader-portal-evidence/1"
MANIFEST = "manifest.json"
SEAL = "manifest.seal"
README = "README.txt"
AUDIT = "audit.jsonl"
VERSIONS = "versions.jsonl"

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o644 << 16
_EVERY = 1000

README_TEXT = f"""\
Evidence about one loader and one period, exported from Loader Portal.

{MANIFEST} names every other file with its size and SHA-256. A hash can be checked by hand:

    unzip -p PACKAGE.zip executions.jsonl | sha256sum

{SEAL} is the portal's HMAC-SHA256 over {MANIFEST}. Who has the portal's encryption key
checks all of it without its database, the seals of audit events and approvals too:

    manage.py evidence --check PACKAGE.zip

The files hold one JSON document a line; times are UTC, ranges half-open [from, to).

    definition.yaml    the loader as it is defined now
    versions.jsonl     all versions that were submitted
    approvals.jsonl    what was decided about them, and by whom
    executions.jsonl   executions that started in the period or loaded a part of it
    backfills.jsonl    backfills asked for in the period or over a part of it
    coverage.jsonl     what is known of each stretch of the period
    waivers.jsonl      gaps in it that a person declared to be none
    audit.jsonl        events about the loader and its source in the period, and about what
                       loaded it, with their seals; and, of any time, those that tell who wrote
                       and approved the definition

Passwords, keys and the rows of sources are not in here.
"""


@dataclass(frozen=True)
class Part:
    """One file of the package, of rows or of text."""

    name: str
    rows: Iterable[Mapping[str, Any]] | str


@dataclass(frozen=True)
class PackedFile:
    """A file as the manifest names it."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The manifest's text and the SHA-256 of it."""

    text: bytes
    files: tuple[PackedFile, ...]

    @property
    def sha256(self) -> str:
        """What the audit trail remembers of the package."""
        return hashlib.sha256(self.text).hexdigest()


def write_package(
    target: IO[bytes],
    parts: Iterable[Part],
    about: Callable[[], Mapping[str, Any]],
    tell: Callable[[str, int], None] = lambda name, rows: None,
) -> Manifest:
    """Write the package; `about` gives the manifest's other members once all parts are written.
    `tell` is told how many rows of a file are written, now and then."""
    with ZipFile(target, "w") as archive:
        files = tuple(_write(archive, part, tell) for part in (Part(README, README_TEXT), *parts))
        members = {"format": FORMAT, **about(), "files": [vars(file) for file in files]}
        text = _manifest(members)
        for name, content in ((MANIFEST, text), (SEAL, seal_of(text).encode())):
            with _entry(archive, name) as file:
                file.write(content)
    return Manifest(text, files)


def seal_of(manifest: bytes) -> str:
    """The portal's word for a manifest, under the first key of its ring."""
    return keyring().digest(seal_message(manifest))


def seal_message(manifest: bytes) -> bytes:
    """What a package's seal is over."""
    return b"evidence-manifest/1\n" + manifest


def line(row: Mapping[str, Any]) -> bytes:
    """A row as a line of JSON."""
    text = json.dumps(
        rename(row, camelize),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        default=_plain,
    )
    return text.encode() + b"\n"


def _manifest(members: Mapping[str, Any]) -> bytes:
    named = rename(members, camelize)
    text = json.dumps(named, indent=2, sort_keys=True, ensure_ascii=False, default=_plain)
    return text.encode() + b"\n"


def _write(archive: ZipFile, part: Part, tell: Callable[[str, int], None]) -> PackedFile:
    digest, size, rows = hashlib.sha256(), 0, 0
    with _entry(archive, part.name) as file:
        for content in _lines(part):
            digest.update(content)
            file.write(content)
            size += len(content)
            rows += 1
            if rows % _EVERY == 0:
                tell(part.name, rows)
    tell(part.name, rows)
    return PackedFile(part.name, rows, size, digest.hexdigest())


def _lines(part: Part) -> Iterator[bytes]:
    if isinstance(part.rows, str):
        yield from (text.encode() for text in part.rows.splitlines(keepends=True))
    else:
        yield from map(line, part.rows)


@contextmanager
def _entry(archive: ZipFile, name: str) -> Iterator[IO[bytes]]:
    info = ZipInfo(name, date_time=_EARLIEST)
    info.compress_type, info.create_system, info.external_attr = ZIP_DEFLATED, _UNIX, _READABLE
    with archive.open(info, "w", force_zip64=True) as file:
        yield file


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in a package")
