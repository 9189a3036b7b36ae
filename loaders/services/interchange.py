"""Definitions to and from version control: `loader export` and `loader import` (spec 10).

An import changes definitions only through `create_loader` and `update_loader`, so whoever imports
counts as their editor: a second person approves them as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.db import transaction

from accounts.roles import Permission, User, require, require_person
from audit.services import record
from core.camel_case import underscore
from core.encrypted_fields import unreadable
from core.errors import PortalError
from loaders.definition_file import FIELDS, to_yaml
from loaders.exceptions import SourceNotFoundError, ValidationFailedError
from loaders.models import Loader, SourceDatabase
from loaders.services.definitions import create_loader, set_log_level, update_loader
from loaders.services.reach import require_on

_CODE, _KIND, _LEVEL = "loader_code", "kind", "log_level"


class Outcome(StrEnum):
    """What an import did, or would do, about one definition."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Refusal:
    """Why a definition was refused; `field` is a model's field, empty for the definition itself."""

    field: str
    message: str


@dataclass(frozen=True)
class Imported:
    """What became of one definition. `changed` names the fields whose value is another one."""

    loader_code: str
    outcome: Outcome
    changed: tuple[str, ...] = ()
    approval_status: str = ""
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """Results in the order of the definitions. Unless `is_applied`, the portal is as it was."""

    results: list[Imported] = field(default_factory=list)
    is_applied: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether any of them was."""
        return any(one.outcome == Outcome.REFUSED for one in self.results)


def export_loader(*, user: User, loader: Loader) -> str:
    """The loader's definition as YAML, SQL included, which the audit trail tells. Raises
    PermissionDeniedError, LoaderNotFoundError, DecryptionError."""
    require_on(user, Permission.VIEW_SQL, loader)
    text = to_yaml(written_values(loader))
    record(actor=user, action="loader.export", object_type="loader", object_id=loader.loader_code)
    return text


def written_values(loader: Loader) -> dict[str, Any]:
    """The loader's definition as plain values, by the keys of its file. Raises DecryptionError."""
    return {name: _written(loader, underscore(name)) for name in FIELDS}


def import_loaders(
    *,
    user: User,
    definitions: Sequence[Mapping[str, Any]],
    dry_run: bool = False,
    partial: bool = False,
) -> ImportReport:
    """Make each definition a loader or a change of one, in one transaction: new and changed ones
    are drafts, new ones disabled; those that say what stands there already are left alone.

    `definitions` hold checked values by the model's fields, with `loader_code`; what is left out
    stays as it is, or gets the default of a new loader. If one is refused, none is imported, unless
    `partial`. With `dry_run` all of it is tried, and rolled back. Raises PermissionDeniedError:
    only a person imports, because a definition has an editor.
    """
    require(user, Permission.EDIT_LOADERS)
    require_person(user)
    with transaction.atomic():
        report = ImportReport(
            [_import(user, values) for values in definitions], is_applied=not dry_run
        )
        if dry_run or (report.is_refused and not partial):
            transaction.set_rollback(True)
            report = ImportReport(report.results, is_applied=False)
    return report


def _import(user: User, values: Mapping[str, Any]) -> Imported:
    code = str(values[_CODE])
    try:
        with transaction.atomic():
            loader = Loader.objects.filter(loader_code=code).first()
            return _create(user, values) if loader is None else _change(user, loader, values)
    except PortalError as error:
        return Imported(code, Outcome.REFUSED, refusals=tuple(_refusals(error)))


def _create(user: User, values: Mapping[str, Any]) -> Imported:
    loader = create_loader(user=user, values={n: v for n, v in values.items() if n != _LEVEL})
    if values.get(_LEVEL):
        loader = set_log_level(user=user, loader=loader, level=values[_LEVEL])
    _tell(user, loader, Outcome.CREATED)
    return Imported(
        loader.loader_code, Outcome.CREATED, approval_status=str(loader.approval_status)
    )


def _change(user: User, loader: Loader, values: Mapping[str, Any]) -> Imported:
    """Raises LoaderNotFoundError for a loader that the user does not reach, though it is there."""
    require_on(user, Permission.EDIT_LOADERS, loader)
    if values.get(_KIND, loader.kind) != loader.kind:
        message = f"{loader.loader_code} is {loader.kind}; a loader's kind is given once."
        raise ValidationFailedError(message, details={"errors": {_KIND: [message]}})
    damaged = unreadable(loader)
    changed = tuple(
        name for name in values if name in damaged or getattr(loader, name) != values[name]
    )
    rest = {name: values[name] for name in changed if name != _LEVEL}
    if rest:
        loader = update_loader(user=user, loader=loader, values=rest)
    if _LEVEL in changed:
        loader = set_log_level(user=user, loader=loader, level=values[_LEVEL])
    outcome = Outcome.CHANGED if changed else Outcome.UNCHANGED
    if changed:
        _tell(user, loader, outcome)
    return Imported(loader.loader_code, outcome, changed, str(loader.approval_status))


def _tell(user: User, loader: Loader, outcome: Outcome) -> None:
    """Beside the events of the change itself: that it came from a file."""
    record(
        actor=user,
        action="loader.import",
        object_type="loader",
        object_id=loader.loader_code,
        after={"outcome": outcome.value},
    )


def _refusals(error: PortalError) -> list[Refusal]:
    errors = error.details.get("errors")
    if isinstance(errors, Mapping):
        return [
            Refusal("" if name == NON_FIELD_ERRORS else str(name), str(text))
            for name, texts in errors.items()
            for text in texts
        ]
    name = "source_database" if isinstance(error, SourceNotFoundError) else ""
    return [Refusal(name, error.message)]


def _written(loader: Loader, name: str) -> Any:
    """A field's value as a plain one."""
    value = getattr(loader, name)
    if isinstance(value, SourceDatabase):
        return value.db_code
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
