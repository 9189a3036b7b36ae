"""Putting values on a model and checking them; one way for pages, API and commands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from loaders.exceptions import ValidationFailedError


def apply_values(
    instance: models.Model, values: Mapping[str, Any], allowed: Collection[str]
) -> set[str]:
    """Set the values and return the names that changed. Raises ValidationFailedError for a name
    that may not be set."""
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise ValidationFailedError(
            f"These fields can't be set: {', '.join(unknown)}.",
            details={"errors": {name: ["This field can't be set."] for name in unknown}},
        )
    changed = set()
    for name, value in values.items():
        if instance._state.adding or getattr(instance, name) != value:  # noqa: SLF001
            setattr(instance, name, value)
            changed.add(name)
    return changed


def check(instance: models.Model, *, forbidden: Mapping[str, str] | None = None) -> None:
    """Run the model's rules and those given. Raises ValidationFailedError by field."""
    errors: dict[str, list[str]] = {name: [text] for name, text in (forbidden or {}).items()}
    try:
        instance.full_clean()
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            errors.setdefault(name, []).extend(messages)
    if errors:
        fields = ", ".join(sorted(errors))
        raise ValidationFailedError(f"Please correct: {fields}.", details={"errors": errors})
