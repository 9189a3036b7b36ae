"""Serializers that refuse what they don't know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from rest_framework import serializers

from core.camel_case import camelize


class Strict(serializers.Serializer[Any]):
    """A body with an unknown field is refused, naming it: a typo must not pass silently."""

    WHAT = "field"

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(data) - known)
            if unknown:
                raise serializers.ValidationError(
                    {name: [f"There is no {self.WHAT} {camelize(name)}."] for name in unknown}
                )
            self.check_types(data)
        return super().to_internal_value(data)

    def check_types(self, data: dict[str, Any]) -> None:
        """Refuse a number where a text belongs, and the like: what a program sends by mistake is
        not to be guessed at. Raises ValidationError."""
        wrong = {
            name: [f"It must be {kind}."]
            for name, value in data.items()
            if (kind := _mistaken(self.fields[name], value))
        }
        if wrong:
            raise serializers.ValidationError(wrong)


class NothingBody(Strict):
    """Body of what needs none: none at all, or no member."""


class Parameters(Strict):
    """What may stand behind the question mark of an address; in this class itself, nothing. What
    chooses the page of a list is not named here (see `core.api.pagination`)."""

    WHAT = "parameter"

    def check_types(self, data: dict[str, Any]) -> None:
        """All are texts."""


class PageParameters(Parameters):
    """What chooses a page by cursor, its size at most `largest`."""

    largest = 500

    cursor = serializers.CharField(
        required=False, allow_blank=True, max_length=1000, trim_whitespace=False
    )

    def get_fields(self) -> dict[str, Any]:
        """The size's limit is that of the kind of page."""
        size = serializers.IntegerField(required=False, min_value=1, max_value=self.largest)
        return {**super().get_fields(), "page_size": size}


class NumberedPageParameters(Parameters):
    """What chooses a page by number."""

    page = serializers.IntegerField(required=False, min_value=1)
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=1000)


_JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], type, str], ...] = (
    (serializers.CharField, str, "a text"),
    (serializers.ChoiceField, str, "a text"),
    (serializers.BooleanField, bool, "true or false"),
    (serializers.IntegerField, int, "a whole number"),
)


def _mistaken(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str:
    """What the value should be and is not; empty where it is, or where the field itself looks."""
    if value is None:
        return ""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return next((kind for item in value if (kind := _mistaken(field.child, item))), "")
    for of_field, of_value, kind in _JSON_TYPES:
        if isinstance(field, of_field):
            is_flag = isinstance(value, bool)
            fits = isinstance(value, of_value) and is_flag is (of_value is bool)
            return "" if fits else kind
    return ""


class Several(serializers.CharField):
    """One or several of something, by commas or by naming the parameter again."""

    most = 20
    """How many may be named."""

    def parts_of(self, data: Any) -> list[str]:
        """What is named. Raises ValidationError for nothing, and for too much."""
        named = [part.strip() for part in super().to_internal_value(data).split(",")]
        if len(named) > self.most:
            raise serializers.ValidationError(f"Name at most {self.most}.")
        return [part for part in named if part]


class SeveralIdsField(Several):
    """One or several UUIDs. Becomes a list without repetitions, in the order given."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, **options)

    def to_internal_value(self, data: Any) -> Any:
        try:
            ids = [UUID(part) for part in self.parts_of(data)]
        except ValueError:
            ids = []
        if not ids:
            raise serializers.ValidationError("Give UUIDs, by commas.")
        return list(dict.fromkeys(ids))


class SeveralField(Several):
    """One or several of some words, by commas or by naming the parameter again; in capitals or
    not. Becomes a list without repetitions, in the order of the choices."""

    def __init__(self, choices: type[TextChoices] | Iterable[str], **options: Any) -> None:
        self.choices = list(choices.values if isinstance(choices, type) else choices)
        super().__init__(max_length=1000, **options)

    def to_internal_value(self, data: Any) -> Any:
        words = {word.upper() for word in self.parts_of(data)}
        if not words or not words <= set(self.choices):
            raise serializers.ValidationError(
                f"Use one or several of {', '.join(self.choices)}, by commas."
            )
        return [word for word in self.choices if word in words]


def span_error(asked: dict[str, Any], start: str, end: str) -> None:
    """Raise ValidationError for a span that ends before it starts: a slip, not an empty one."""
    if asked.get(start) and asked.get(end) and asked[start] >= asked[end]:
        raise serializers.ValidationError({end: [f"It must be after {camelize(start)}."]})
