"""The register of error codes: every stable code with the status it is answered with and what it
means, gathered from the error classes themselves (spec 10).

`make docs` writes docs/error_codes.md; a test keeps the two the same.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from rest_framework import exceptions

from core.api.openapi.problems import GENERAL, first_sentence
from core.api.problems import BAD_REQUEST, CODES, DATABASE_UNAVAILABLE
from core.errors import DefinitionError, PortalError, TerminalError, TransientError

APPS = ("core", "audit", "accounts", "loaders", "signals", "execution", "backfill", "loaderportal")
_BASES = {PortalError, TerminalError, TransientError, DefinitionError}
_NO_ENTRY = frozenset({"migrations", "__main__", "demo"})

_HEAD = """\
# Error codes

Every error has a stable `code`: in the problem documents of the API, in executions and backfills \
that failed, and in what commands print with `--json`. The texts beside it are for people and may \
be worded anew. *Again* tells whether the same attempt may succeed later without a change. A \
status stands where the API answers with it; the others are found in executions, backfills and \
reports only.

`make docs` writes this page from the error classes.

| code | status | again | meaning |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Entry:
    """One code. `statuses` are those it is answered with; `meanings` those of the classes that
    share it."""

    code: str
    statuses: tuple[int, ...]
    may_pass: bool
    meanings: tuple[str, ...]


@cache
def register() -> tuple[Entry, ...]:
    """All codes, by name."""
    for app in APPS:
        _import_all(app)
    found: dict[str, list[tuple[int, bool, str]]] = {}
    # Not in the order of their import, which nobody chose.
    for kind in sorted(_kinds(PortalError), key=lambda kind: (kind.__module__, kind.__name__)):
        may_pass = issubclass(kind, TransientError)
        meaning = first_sentence(kind.__doc__ or "")
        found.setdefault(kind.code, []).append((int(kind.status), may_pass, meaning))
    for general, status in _general().items():
        may_pass = status in {429, 500, 503}
        found.setdefault(general, []).insert(0, (status, may_pass, GENERAL[general]))
    return tuple(
        Entry(
            code,
            tuple(sorted({status for status, _, _ in rows if status != 500 or code in GENERAL})),
            rows[0][1],
            tuple(dict.fromkeys(meaning for _, _, meaning in rows)),
        )
        for code, rows in sorted(found.items())
    )


def reference() -> str:
    """The page."""
    return _HEAD + "".join(map(_row, register()))


def _row(entry: Entry) -> str:
    statuses = ", ".join(map(str, entry.statuses))
    again = "yes" if entry.may_pass else "no"
    return f"| `{entry.code}` | {statuses} | {again} | {' '.join(entry.meanings)} |\n"


def _general() -> dict[str, int]:
    """Codes of what Django and DRF raise, with their status."""
    found = {DATABASE_UNAVAILABLE: 503, "INTERNAL_ERROR": 500, BAD_REQUEST: 400}
    for kind, code in CODES.items():
        if issubclass(kind, exceptions.APIException):
            found[code] = kind.status_code
    return found | {"VALIDATION_FAILED": 422, "NOT_AUTHENTICATED": 401}


def _import_all(package: str) -> None:
    """Error classes are known once their modules are imported."""
    module = importlib.import_module(package)
    for found in pkgutil.iter_modules(module.__path__):
        name = f"{package}.{found.name}"
        if found.name in _NO_ENTRY or (package, found.name) == ("core", "management"):
            continue
        importlib.import_module(name)
        if found.ispkg:
            _import_all(name)


def _kinds(base: type[PortalError]) -> Iterator[type[PortalError]]:
    for kind in base.__subclasses__():
        is_ours = kind.__module__.partition(".")[0] in APPS
        if (
            is_ours
            and kind not in _BASES
            and "code" in {n for c in kind.__mro__[:-1] for n in vars(c)}
        ):
            yield kind
        yield from _kinds(kind)
