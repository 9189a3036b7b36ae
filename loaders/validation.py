"""Putting values on a model and checking them; one way for pages, API and commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, connection, models, transaction
from psycopg.errors import UniqueViolation

from core.encrypted_fields import unreadable
from loaders.definition import Definition
from loaders.dialects import DatabaseType
from loaders.exceptions import SqlInvalidError, ValidationFailedError
from loaders.models import Loader
from loaders.source_time import precision
from loaders.sql_guard import validate


def apply_values(
    instance: models.Model, values: Mapping[str, Any], allowed: Collection[str]
) -> set[str]:
    """Set the values and return the names that changed; an old value that can't be decrypted counts
    as changed, so that saving a new one repairs it. Raises ValidationFailedError for a name that
    may not be set."""
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ValidationFailedError(
            f"These fields can't be set: {', '.join(unknown)}.",
            details={"errors": {name: ["This field can't be set."] for name in unknown}},
        )
    changed = set()
    anew = set(values) if instance._state.adding else set(unreadable(instance))  # noqa: SLF001
    for name, value in values.items():
        if name in anew or getattr(instance, name) != value:
            setattr(instance, name, value)
            changed.add(name)
    return changed


def check(instance: models.Model, *, forbidden: Mapping[str, str] | None = None) -> None:
    """Run the model's rules and those given. Raises ValidationFailedError by field."""
    errors: dict[str, list[str]] = {name: [text] for name, text in (forbidden or {}).items()}
    damaged = unreadable(instance)
    for name, reason in damaged.items():
        errors.setdefault(name, []).append(f"{reason.message} Entering the value anew repairs it.")
    try:
        if not damaged:
            instance.full_clean()
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            errors.setdefault(name, []).extend(messages)
    if errors:
        fields = ", ".join(sorted(errors))
        raise ValidationFailedError(f"Please correct: {fields}.", details={"errors": errors})


def check_runnable(loader: Loader) -> None:
    """Build of the definition what a run uses, so that nobody is asked to approve what never could
    run. Raises ValidationFailedError."""
    try:
        settings = Definition.of(loader).settings()
        fits = settings.grain.is_multiple_of(precision(settings.time_format))
    except (ValueError, OverflowError) as error:
        reason = str(error)
    else:
        if fits:
            return
        reason = "its time format can't write every boundary of its grain"
    message = f"{loader.loader_code} could never run: {reason}."
    raise ValidationFailedError(message, details={"errors": {NON_FIELD_ERRORS: [message]}})


def check_statement(loader: Loader) -> None:
    """Ask the guard about the loader's SQL. Raises SqlInvalidError with all that it found."""
    verdict = validate(loader.loader_sql, DatabaseType(loader.source.db_type))
    if not verdict.is_valid:
        raise SqlInvalidError(
            f"The SQL of {loader.loader_code} is refused: {verdict.errors[0].message}",
            details={"errors": [asdict(finding) for finding in verdict.errors]},
        )


def save_new(instance: models.Model, *, code: str) -> None:
    """Insert the row. Raises ValidationFailedError when somebody took its code since `check`."""
    try:
        with transaction.atomic():
            instance.save()
    except IntegrityError as error:
        if not _is_taken(error, type(instance), code):
            raise
        name = instance._meta.verbose_name  # noqa: SLF001
        message = f"Somebody has just made a {name} with this code."
        raise ValidationFailedError(message, details={"errors": {code: [message]}}) from None


def _is_taken(error: IntegrityError, model: type[models.Model], code: str) -> bool:
    """Whether the error is about the uniqueness of the code, by the constraint's columns."""
    cause, meta = error.__cause__, model._meta  # noqa: SLF001
    if not isinstance(cause, UniqueViolation) or cause.diag.table_name != meta.db_table:
        return False
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, meta.db_table)
    columns: list[str] = constraints[cause.diag.constraint_name or ""]["columns"]
    return [field.name for field in meta.concrete_fields if field.column in columns] == [code]
