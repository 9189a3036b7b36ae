"""Answers whose members are those of a dataclass."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from rest_framework import serializers

_PLAIN: dict[Any, type[serializers.Field[Any, Any, Any, Any]]] = {
    str: serializers.CharField,
    bool: serializers.BooleanField,
    int: serializers.IntegerField,
    float: serializers.FloatField,
    datetime: serializers.DateTimeField,
    date: serializers.DateField,
    UUID: serializers.UUIDField,
}


class DataclassAnswer(serializers.Serializer[Any]):
    """The members of the dataclass `shows`, in its order; a class that derives from this may
    declare further ones, or some of them in another form."""

    shows: ClassVar[Any]
    _by_dataclass: ClassVar[dict[Any, type[DataclassAnswer]]] = {}
    """Which answer stands for a dataclass inside another: the one declared first, or one made."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._by_dataclass.setdefault(cls.shows, cls)

    @classmethod
    def showing(cls, dataclass: Any) -> type[DataclassAnswer]:
        """The answer that stands for the dataclass."""
        if dataclass not in cls._by_dataclass:
            type(f"{dataclass.__name__}Answer", (DataclassAnswer,), {"shows": dataclass})
        return cls._by_dataclass[dataclass]

    def get_fields(self) -> dict[str, Any]:
        hints = get_type_hints(self.shows)
        made = {field.name: field_of(hints[field.name]) for field in fields(self.shows)}
        return made | super().get_fields()


def field_of(hint: Any, *, allow_null: bool = False) -> serializers.Field[Any, Any, Any, Any]:
    """The serializer's field for a type hint. Raises TypeError for one that has none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        (inner,) = (one for one in arguments if one is not type(None))
        return field_of(inner, allow_null=type(None) in arguments)
    if hint in _PLAIN:
        return _PLAIN[hint](allow_null=allow_null)
    if isinstance(hint, type) and issubclass(hint, Enum):
        choices = [member.value for member in hint]
        return serializers.ChoiceField(choices=choices, allow_null=allow_null)
    if is_dataclass(hint):
        return DataclassAnswer.showing(hint)(allow_null=allow_null)
    return _collection(hint, allow_null=allow_null)


def _collection(hint: Any, *, allow_null: bool) -> serializers.Field[Any, Any, Any, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return serializers.ListField(child=field_of(arguments[0]), allow_null=allow_null)
    if not isinstance(origin, type) or not issubclass(origin, Mapping):
        raise TypeError(f"No serializer field stands for {hint}.")
    if arguments[1] is Any:
        return serializers.DictField(allow_null=allow_null)
    return serializers.DictField(child=field_of(arguments[1]), allow_null=allow_null)
